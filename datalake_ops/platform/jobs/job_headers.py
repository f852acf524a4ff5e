"""Request headers by which a job is found again: `Idempotency-Key` and `X-Datalake-Job-Labels`."""

from __future__ import annotations

from fastapi import Request

from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.http.json_text import JsonTextError, parse_json
from datalake_ops.platform.jobs.job_table import JobKeys
from datalake_ops.wire.jobs import IDEMPOTENCY_HEADER, LABELS_HEADER

_KEY_LENGTH = 255
_LABELS = 64
_LABEL_LENGTH = 1024


def read_job_keys(request: Request) -> JobKeys:
    """Read idempotency key and labels of a launch or an import.

    Raises:
        RefusalError: 400, the key is too long, or the labels are no JSON object of texts.
    """
    key = request.headers.get(IDEMPOTENCY_HEADER) or None
    if key is not None and len(key) > _KEY_LENGTH:
        raise bad_request(f"{IDEMPOTENCY_HEADER} has at most {_KEY_LENGTH} characters.")
    return JobKeys(key, _labels(request.headers.get(LABELS_HEADER)))


def _labels(header: str | None) -> dict[str, str] | None:
    if not header:
        return None
    try:
        labels = parse_json(header)
    except JsonTextError as error:
        raise bad_request(f"{LABELS_HEADER} is not valid JSON: {error}.") from error
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise bad_request(f"{LABELS_HEADER} must be a JSON object with texts as values.")
    if len(labels) > _LABELS or any(len(text) > _LABEL_LENGTH for pair in labels.items() for text in pair):
        raise bad_request(f"A job has at most {_LABELS} labels, each of at most {_LABEL_LENGTH} characters.")
    return labels
