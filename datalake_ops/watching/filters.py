"""What somebody waits to hear of: new data, or jobs that ended. Pure decisions, no clock and no network.

Data are new to a watch without tags when they became ready, and to one with tags when the last thing happened that it
asks for: they became ready, or came to carry a tag of it, whichever was later. So a tag that is put on old data counts,
and another tag, or changed metadata, does not: what a pipeline does to the data that started it starts nothing again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from datalake_ops.errors import ConfigurationError
from datalake_ops.lineage import LakeUri
from datalake_ops.query import both, quote
from datalake_ops.wire.changes import ChangedData, EndedJob
from datalake_ops.wire.jobs import JobStatus


@dataclass(frozen=True)
class DataWatch:
    """Which data: those that carry all tags, came from the source and match `q`, and that nothing excludes."""

    tags: tuple[str, ...] = ()
    source: str | None = None
    q: str | None = None
    exclude_tags: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        both_ways = sorted(set(self.tags) & set(self.exclude_tags))
        if both_ways or (self.source and self.source in self.exclude_sources):
            raise ConfigurationError(
                f"A watch that asks for {both_ways or self.source!r} and excludes it sees nothing."
            )

    def concerns(self, changed: ChangedData) -> bool:
        """Whether what happened may make the data new to this watch, as far as tags and source tell."""
        happened = changed.became_ready or bool(set(changed.tagged) & set(self.tags))
        return happened and changed.ready and self._has_tags(changed) and self._has_source(changed)

    def query(self, everything: bool = False) -> str:
        """What the platform has to be asked besides: `q`, or also tags and sources, where the changes tell of none."""
        if not everything:
            return self.q or ""
        lake = LakeUri("any", "any", "any", self.tags, self.source, self.q)
        text = lake.query
        for tag in self.exclude_tags:
            text = both(text, f"tags.name != {quote(tag)}")
        for source in self.exclude_sources:
            text = both(text, f"(data_source.name != {quote(source)} or data_source.name = None)")
        return text

    def _has_tags(self, changed: ChangedData) -> bool:
        return set(self.tags) <= set(changed.tags) and not set(self.exclude_tags) & set(changed.tags)

    def _has_source(self, changed: ChangedData) -> bool:
        return (not self.source or changed.source == self.source) and changed.source not in self.exclude_sources


@dataclass(frozen=True)
class JobWatch:
    """Which jobs that ended: of a processing, with all labels, in one of the statuses, without any excluded label."""

    processing: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    exclude_labels: tuple[tuple[str, str], ...] = ()
    statuses: tuple[JobStatus, ...] = (JobStatus.SUCCEEDED,)

    def concerns(self, job: EndedJob) -> bool:
        """Whether a job is one of these."""
        mine = set((job.labels or {}).items())
        asked = set(self.labels) <= mine and not set(self.exclude_labels) & mine
        return asked and job.status in self.statuses and self.processing in (None, job.processing)


def watch_key(*parts: Any) -> str:
    """A short word for what is watched and where: what is remembered under it serves no other watch."""
    said = json.dumps([asdict(part) if hasattr(part, "__dataclass_fields__") else part for part in parts])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Place:
    """How far a watch is: all up to `cursor` is told and kept; the ranges up to each of `pending` are told, and whether
    that is kept is not known.
    """

    cursor: str
    pending: tuple[str, ...] = ()

    @property
    def end(self) -> str:
        """Where to go on after what was told."""
        return self.pending[-1] if self.pending else self.cursor

    def telling(self, until: str) -> Place:
        """Something up to `until` is about to be told."""
        return replace(self, pending=(*self.pending, until))

    def kept(self, until: str) -> Place:
        """What was told up to `until` is kept by who was told."""
        if until not in self.pending:
            return self
        return Place(until, self.pending[self.pending.index(until) + 1 :])

    def passing(self, until: str) -> Place:
        """Nothing up to `until` was to be told; while something is pending that is not noted."""
        return self if self.pending else Place(until)

    def to_json(self) -> dict[str, Any]:
        """The place as JSON values."""
        return {"version": 1, "cursor": self.cursor, "pending": list(self.pending)}

    @classmethod
    def from_json(cls, value: Any) -> Place | None:
        """A place that was written before; None for nothing, or what another version wrote."""
        if not isinstance(value, Mapping) or value.get("version") != 1:
            return None
        return cls(str(value["cursor"]), tuple(map(str, value["pending"])))


def pairs(labels: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> tuple[tuple[str, str], ...]:
    """Labels as sorted pairs, so that equal ones are equal values."""
    return tuple(sorted((str(name), str(value)) for name, value in dict(labels or {}).items()))
