"""The one sentence on a pipeline that failed, from its log: which task, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Enough for the reason and the first files that it names.
_LONGEST = 400
_AIRFLOW_STARTS = re.compile(r"\[DAG TEST\] starting task_id=(\S+)")
_AIRFLOW_FAILS = "Task failed with exception"
_PREFECT_FAILS = re.compile(
    r"Task run '(\w+)[^']*' - Finished in state Failed\(.Task run encountered an exception (.*)"
)
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT|\d\d:\d\d:\d\d\.\d+ \|")
# The last line of a traceback; nested in one, an error is led by other words.
_ERROR = re.compile(r"(?:[\w.]+\.)?(\w*(?:Error|Exception|Timeout|Interrupt|Exit)\w*)(?:: (.*))?$")
_OWN = "datalake_ops."


def failure_text(title: str, log: str, code: int) -> str:
    """Return the sentence on a program that ended with an exit code: its task and the reason, as its log has them."""
    lines = log.splitlines()
    if found := _airflow(lines) or _prefect(lines):
        return f"{title}: the task {found[0]} failed: {_shortened(found[1])}"
    reason = _last_error(lines) or next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
    return f"{title} ended with exit code {code}: {_shortened(reason)}"


def _airflow(lines: list[str]) -> tuple[str, str] | None:
    """The first task that failed: what fails after it may only follow from it."""
    task = ""
    for number, line in enumerate(lines):
        if started := _AIRFLOW_STARTS.search(line):
            task = started[1]
        elif _AIRFLOW_FAILS in line and task:
            return task, _last_error(list(_up_to_next_entry(lines[number + 1 :]))) or "see the log"
    return None


def _prefect(lines: list[str]) -> tuple[str, str] | None:
    for line in lines:
        if failed := _PREFECT_FAILS.search(line):
            return failed[1], _without_class(failed[2].removesuffix(")").rstrip("'\""))
    return None


def _up_to_next_entry(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if _LOG_LINE.match(line):
            return
        yield line


def _last_error(lines: list[str]) -> str | None:
    """The error that ends a traceback."""
    return next((_without_class(line) for line in reversed(lines) if _ERROR.match(line)), None)


def _without_class(text: str) -> str:
    """Text of an error; the class says more only where the error is none of ours, whose texts are sentences."""
    error = _ERROR.match(text)
    is_own = text.startswith(_OWN) or (error is not None and _is_own_class(error[1]))
    return error[2] or error[1] if error is not None and is_own else text


def _is_own_class(name: str) -> bool:
    from datalake_ops import errors

    return hasattr(errors, name)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rstrip()} ..."
