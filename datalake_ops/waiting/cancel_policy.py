"""What becomes of a job when the wait for it ends before the job does: pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

from datalake_ops.errors import ConfigurationError

OnStop = Literal["cancel", "leave"]


class Stop(Enum):
    """Why a wait ended before its job."""

    KILL = "kill"
    TIMEOUT = "timeout"
    FAILURE = "failure"


@dataclass(frozen=True)
class CancelPolicy:
    """Whether a job is cancelled ("cancel") or goes on ("leave") when the wait for it is stopped.

    Args:
        on_kill: somebody or something stopped the waiting task.
        on_timeout: the wait, or the task, took longer than it may.
        on_failure: the task fails for a reason of its own, such as a platform that cannot be reached.

    Raises:
        ConfigurationError: one of them is another word.
    """

    on_kill: OnStop = "cancel"
    on_timeout: OnStop = "cancel"
    on_failure: OnStop = "cancel"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value not in get_args(OnStop):
                raise ConfigurationError(f'{name} is "cancel" or "leave", not {value!r}.')

    def cancels(self, stop: Stop, adopted_later: bool = False) -> bool:
        """Whether to cancel; a job that a later try of the same task will find is not abandoned by a mere failure."""
        if stop is Stop.KILL:
            return self.on_kill == "cancel"
        if stop is Stop.TIMEOUT:
            return self.on_timeout == "cancel"
        return self.on_failure == "cancel" and not adopted_later
