"""Filters of a change feed: new data, and jobs that ended; positions in it. Pure decisions, no clock, no network.

Data are new to a filter without tags when they became ready, and to one with tags when its last condition came true:
they became ready, or came to carry one of its tags, whichever was later. So a tag that is put on old data counts,
and another tag, or changed metadata, does not: what a pipeline does to the data that started it starts nothing again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError
from datalake_ops.lineage import LakeUri
from datalake_ops.query import both, quote
from datalake_ops.wire.changes import ChangedData, EndedJob
from datalake_ops.wire.jobs import JobStatus


@dataclass(frozen=True)
class DataWatch:
    """Filter of data: those that carry all tags, came from the source and match `q`, and that nothing excludes.

    Raises:
        ConfigurationError: a filter is blank, or it excludes what it asks for, so that nothing would match.
    """

    tags: tuple[str, ...] = ()
    source: str | None = None
    q: str | None = None
    exclude_tags: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _refuse_blanks(self)
        both_ways = sorted(set(self.tags) & set(self.exclude_tags))
        if both_ways or (self.source and self.source in self.exclude_sources):
            raise ConfigurationError(
                f"A filter that asks for {both_ways or self.source!r} and excludes it matches nothing."
            )

    def matches(self, changed: ChangedData) -> bool:
        """Return True if the change may make the data new to this filter, as far as tags and source tell."""
        happened = changed.became_ready or bool(set(changed.tagged) & set(self.tags))
        return happened and changed.ready and self._has_tags(changed) and self._has_source(changed)

    def query(self, everything: bool = False) -> str:
        """Query text for the conditions that changes do not tell: `q`, or with `everything` also tags and sources."""
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
    """Filter of ended jobs: of a processing, with all labels, in one of the statuses, without any excluded label."""

    processing: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    exclude_labels: tuple[tuple[str, str], ...] = ()
    statuses: tuple[JobStatus, ...] = (JobStatus.SUCCEEDED,)

    def __post_init__(self) -> None:
        _refuse_blanks(self)

    def matches(self, job: EndedJob) -> bool:
        """Return True if the job passes the filter."""
        mine = set((job.labels or {}).items())
        asked = set(self.labels) <= mine and not set(self.exclude_labels) & mine
        return asked and job.status in self.statuses and self.processing in (None, job.processing)


def _refuse_blanks(watch: DataWatch | JobWatch) -> None:
    # The empty tuple is the default here; whoever makes a watch from arguments refuses an empty list itself.
    arguments.refuse_empty({name: None if value == () else value for name, value in vars(watch).items()})


def watch_key(*parts: Any) -> str:
    """Short digest of a filter and its lake: the key under which a watcher's position is kept."""
    said = json.dumps([asdict(part) if hasattr(part, "__dataclass_fields__") else part for part in parts])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class FeedPosition:
    """Position of a watcher in a change feed, with at-least-once delivery.

    All up to `cursor` is delivered and acknowledged; the ranges up to each of `pending` are delivered and not yet
    acknowledged.
    """

    cursor: str
    pending: tuple[str, ...] = ()

    @property
    def end(self) -> str:
        """The cursor after everything that was delivered."""
        return self.pending[-1] if self.pending else self.cursor

    def delivering(self, until: str) -> FeedPosition:
        """The position when changes up to `until` are about to be delivered."""
        return replace(self, pending=(*self.pending, until))

    def acknowledging(self, until: str) -> FeedPosition:
        """The position when what was delivered up to `until` is acknowledged."""
        if until not in self.pending:
            return self
        return FeedPosition(until, self.pending[self.pending.index(until) + 1 :])

    def skipping(self, until: str) -> FeedPosition:
        """The position when nothing up to `until` passed the filter; it stays while a range is pending."""
        return self if self.pending else FeedPosition(until)

    def to_json(self) -> dict[str, Any]:
        """Return the position as JSON values."""
        return {"version": 1, "cursor": self.cursor, "pending": list(self.pending)}

    @classmethod
    def from_json(cls, value: Any) -> FeedPosition | None:
        """Read a position; None for no value, or one of another version."""
        if not isinstance(value, Mapping) or value.get("version") != 1:
            return None
        return cls(str(value["cursor"]), tuple(map(str, value["pending"])))


def pairs(labels: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> tuple[tuple[str, str], ...]:
    """Labels as sorted pairs, so that equal ones are equal values."""
    return tuple(sorted((str(name), str(value)) for name, value in dict(labels or {}).items()))
