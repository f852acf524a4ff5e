"""Policy for a job whose wait ends before it does: cancel it, or leave it running. Pure decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias, cast

from datalake_ops import arguments

OnStop: TypeAlias = Literal["cancel", "leave"]
# The old word of Prefect's tasks for "leave"; their arguments take it still, and labels of older jobs hold it.
DETACH = "detach"


def on_stop(field: str, value: str) -> OnStop:
    """The word for what becomes of a job when its wait is stopped: "cancel" or "leave"; "detach" is the old "leave".

    Raises:
        ArgumentError: it is another word, or none.
    """
    word = arguments.choice(field, "leave" if value == DETACH else value, ("cancel", "leave"))
    if word is None:
        raise arguments.refusal(field, value, "write 'cancel' or 'leave'.")
    return cast("OnStop", word)


class Stop(Enum):
    """Reason for which a wait ended before its job."""

    KILL = "kill"
    TIMEOUT = "timeout"
    FAILURE = "failure"


@dataclass(frozen=True)
class CancelPolicy:
    """Decision for each stop of a wait: the job is cancelled ("cancel"), or goes on ("leave").

    Args:
        on_kill: somebody or something stopped the waiting task.
        on_timeout: the wait, or the task, took longer than it may.
        on_failure: the task fails for a reason of its own, such as a platform that cannot be reached.

    Raises:
        ArgumentError: one of them is another word.
    """

    on_kill: OnStop = "cancel"
    on_timeout: OnStop = "cancel"
    on_failure: OnStop = "cancel"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, on_stop(name, value))

    def cancels(self, stop: Stop, adopted_later: bool = False) -> bool:
        """Return True if the job is to be cancelled; one that a later try of the task will find outlives a failure."""
        if stop is Stop.KILL:
            return self.on_kill == "cancel"
        if stop is Stop.TIMEOUT:
            return self.on_timeout == "cancel"
        return self.on_failure == "cancel" and not adopted_later
