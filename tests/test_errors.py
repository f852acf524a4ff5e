"""Errors cross processes whole: Airflow and Prefect pickle them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from uuid import uuid4

import pytest

from datalake_ops import errors
from datalake_ops.errors import AnswerError, DatalakeError, JobError, NothingDoneError, UploadError
from datalake_ops.wire.jobs import Job, JobStatus


def every_class(root: type[DatalakeError] = DatalakeError) -> Iterator[type[DatalakeError]]:
    yield root
    for child in root.__subclasses__():
        yield from every_class(child)


def an_error(kind: type[DatalakeError]) -> DatalakeError:
    if issubclass(kind, AnswerError):
        return kind("no", status=418, method="GET", path="/api/x", detail=["because"], retry_after=2.0)
    if issubclass(kind, JobError):
        return kind("no", job=Job(id=uuid4(), status=JobStatus.FAILED), url="http://x/jobs/1", log=["last line"])
    if issubclass(kind, UploadError):
        return kind("no", path="/photos/a b.jpg")
    if issubclass(kind, NothingDoneError):
        return kind("no", [UploadError("no", "/photos/a.jpg")])
    return kind("no")


@pytest.mark.parametrize("kind", sorted(set(every_class()), key=lambda kind: kind.__name__))
def test_every_error_survives_pickle_with_all_it_carries(kind: type[DatalakeError]) -> None:
    error = an_error(kind)

    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is kind
    assert str(copy) == str(error)
    assert repr(copy.__dict__) == repr(error.__dict__)


def test_the_tree_at_the_top_of_the_module_names_every_class() -> None:
    tree = errors.__doc__ or ""

    here = [kind for kind in every_class() if kind.__module__ == errors.__name__]
    missing = [kind.__name__ for kind in here if kind.__name__ not in tree]

    assert not missing


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.ConfigurationError, ValueError),
        (errors.NetworkError, ConnectionError),
        (errors.AnswerTimeoutError, TimeoutError),
        (errors.NotFoundError, LookupError),
        (errors.NoDataError, LookupError),
        (errors.JobWaitTimeoutError, TimeoutError),
    ],
)
def test_errors_are_also_the_builtin_that_fits(kind: type[DatalakeError], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)
