"""A refusing answer becomes the error that says what happened, whatever its body looks like."""

from __future__ import annotations

from uuid import UUID

import pytest

from datalake_ops import errors
from datalake_ops.client import data, tags
from datalake_ops.client.error_mapping import is_refusal, refusal

LAKE = UUID(int=1)
TAG = tags.find_tag(LAKE, "car")
LISTING = data.list_page(LAKE, data.DataFilter(q="a ="), data.Window(10))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (208, errors.ResourceConflictError),
        (400, errors.BadRequestError),
        (401, errors.UnauthorizedError),
        (402, errors.InsufficientResourcesError),
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (405, errors.AnswerError),
        (409, errors.ResourceConflictError),
        (413, errors.RequestTooLargeError),
        (422, errors.BadRequestError),
        (423, errors.ResourceLockedError),
        (507, errors.StorageFullError),
        (429, errors.TooManyRequestsError),
        (500, errors.ServerError),
        (504, errors.ServerError),
    ],
)
def test_each_status_has_its_class(status: int, kind: type[errors.AnswerError]) -> None:
    error = refusal(TAG, status, b'{"message": "no"}')

    assert type(error) is kind
    assert (error.status, error.method, error.path) == (status, "GET", TAG.path)


def test_a_bad_query_is_told_from_other_bad_requests() -> None:
    assert type(refusal(LISTING, 400, b'{"message": "no"}')) is errors.InvalidQueryError


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"message": "no such tag", "detail": ["a", {"loc": "b"}]}', 'no such tag [a; {"loc": "b"}]'),
        (b'{"message": null}', "gave no reason"),
        (b"[1]", "[1]"),
        (b"<html>Bad gateway</html>", "<html>Bad gateway"),
        (b"", "gave no reason"),
        (b"\xff\xfe", "\ufffd"),
    ],
)
def test_every_form_of_body_gives_a_readable_text(body: bytes, says: str) -> None:
    assert says in str(refusal(TAG, 400, body))


def test_success_is_every_status_below_300_but_208() -> None:
    assert [status for status in (200, 201, 204, 207, 208, 299, 300, 304, 400) if is_refusal(status)] == [
        208,
        300,
        304,
        400,
    ]
