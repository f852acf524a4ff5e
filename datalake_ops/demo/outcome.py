"""Outcome of one pipeline of the demo: the run, and the evidence read from the platform."""

from __future__ import annotations

from dataclasses import dataclass

from datalake_ops.demo.evidence import Evidence
from datalake_ops.demo.photographs import Hand
from datalake_ops.demo.worlds import World


@dataclass(frozen=True)
class PipelineOutcome:
    """One pipeline's files, duration in seconds, and the contents of its lake afterwards."""

    world: World
    hand: Hand
    seconds: float
    evidence: Evidence
