"""Retry plan: source and arguments of an upload, by which the failed files are uploaded again."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

# They carry secrets, or belong to one process alone.
_NOT_PICKLED = frozenset({"storage_options", "on_progress"})


@dataclass(frozen=True)
class RetryPlan:
    """Source and arguments of an upload; no source when it was an iterator, which is spent."""

    filepaths: Any = None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, filepaths: Any, arguments: Mapping[str, Any]) -> RetryPlan:
        """Return the plan of a call of `DatalakeHook.upload`."""
        return cls(None if isinstance(filepaths, Iterator) else filepaths, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = {name: value for name, value in self.arguments.items() if name not in _NOT_PICKLED}
        try:
            pickle.dumps(self.filepaths)
        # A stream raises any of these.
        except (TypeError, pickle.PicklingError, AttributeError):
            return RetryPlan, (None, arguments)
        return RetryPlan, (self.filepaths, arguments)
