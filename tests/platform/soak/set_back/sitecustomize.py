"""Wall clock of a Python process that a file sets back, in seconds; found by PYTHONPATH before anything is imported.

Not libfaketime: 0.9.10 makes every `time.sleep` of Python fail (EINVAL) where timers are to go on.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FILE = Path(os.environ["SET_BACK_FILE"])
_REAL_TIME: Callable[[], float] = time.time
_REAL_TIME_NS: Callable[[], int] = time.time_ns
_RealDatetime = datetime.datetime


def _behind() -> int:
    return int(_FILE.read_text())


class _AlsoReal(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _RealDatetime)


class _Datetime(_RealDatetime, metaclass=_AlsoReal):
    def __new__(cls, *values: Any, **named: Any) -> Any:
        return _RealDatetime(*values, **named)

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _RealDatetime.fromtimestamp(time.time(), tz)


time.time = lambda: _REAL_TIME() - _behind()
time.time_ns = lambda: _REAL_TIME_NS() - _behind() * 1_000_000_000
datetime.datetime = _Datetime  # type: ignore[misc]
