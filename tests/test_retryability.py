"""What helps against an error, decided once for both orchestrators."""

from __future__ import annotations

import pytest

from datalake_ops import errors
from datalake_ops.retryability import Remedy, is_transient, remedy_of, told_delay


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (errors.NetworkError("cut"), Remedy.WAIT),
        (errors.AnswerTimeoutError("slow"), Remedy.WAIT),
        (errors.HostDownError("down"), Remedy.WAIT),
        (errors.TooManyRequestsError("slow down", status=429), Remedy.WAIT),
        (errors.ResourceLockedError("held", status=423), Remedy.WAIT),
        (errors.AnswerError("early", status=425), Remedy.WAIT),
        (errors.ServerError("oops", status=503), Remedy.WAIT),
        (errors.JobKilledError("killed"), Remedy.AGAIN),
        (errors.ConfigurationError("no token"), Remedy.GIVE_UP),
        (errors.ArgumentError("limit is no number", "limit"), Remedy.GIVE_UP),
        (errors.NoDataError("nothing matches"), Remedy.GIVE_UP),
        (errors.UnauthorizedError("wrong token", status=401), Remedy.GIVE_UP),
        (errors.ForbiddenError("no", status=403), Remedy.GIVE_UP),
        (errors.NotFoundError("none", status=404), Remedy.GIVE_UP),
        (errors.InvalidQueryError("what", status=400), Remedy.GIVE_UP),
        (errors.InsufficientResourcesError("quota", status=402), Remedy.GIVE_UP),
        (errors.UnsupportedError("no"), Remedy.GIVE_UP),
        (errors.InvalidFileError("empty"), Remedy.GIVE_UP),
        (errors.AmbiguousRequestError("lost answer"), Remedy.GIVE_UP),
        (errors.JobFailedError("failed"), Remedy.UNKNOWN),
        (errors.JobWaitTimeoutError("late"), Remedy.UNKNOWN),
        (errors.UploadError("one file"), Remedy.UNKNOWN),
        (ValueError("not ours"), Remedy.UNKNOWN),
    ],
)
def test_every_error_has_one_remedy(error: Exception, remedy: Remedy) -> None:
    assert remedy_of(error) is remedy
    assert is_transient(error) is (remedy is Remedy.WAIT)


def test_the_platforms_word_on_when_to_come_back_is_kept() -> None:
    assert told_delay(errors.TooManyRequestsError("slow down", status=429, retry_after=7.5)) == 7.5
    assert told_delay(errors.ServerError("oops", status=500)) is None
    assert told_delay(errors.NetworkError("cut")) is None
