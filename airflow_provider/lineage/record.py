"""Record of the data that a task read and wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datalake_ops.lineage import LakeUri

if TYPE_CHECKING:
    from datalake_ops.wire.jobs import Job

# Each tag is an asset of its own; a task that puts on more of them reports the lake alone.
_TAGS = 20


@dataclass(frozen=True)
class LineageRecord:
    """Lineage of one task: the lake, the data read and written, and facts for the events' `extra` (plain JSON).

    `tags` and `source` are those that the written data got, `count` is their number; `reads` are the places that they
    came from: URIs, or paths of the worker.
    """

    lake: LakeUri
    tags: tuple[str, ...] = ()
    source: str | None = None
    count: int | None = None
    reads: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def written(self) -> list[LakeUri]:
        """The lake, and the data of each tag and of the source, which others may be scheduled on."""
        narrowed = [self.lake.with_(tags=[tag]) for tag in self.tags] if len(self.tags) <= _TAGS else []
        if self.source:
            narrowed.append(self.lake.with_(source=self.source))
        return [self.lake, *narrowed]

    def extra(self) -> dict[str, Any]:
        """The `extra` of an asset event: which lake, what was put on the data, and the facts."""
        named = {"lake": str(self.lake), "tags": list(self.tags), "source": self.source}
        return {name: value for name, value in {**named, **self.facts}.items() if value not in (None, [])}


def upload_facts(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an upload's summary that are small and lasting, for the `extra` of events."""
    return {name: summary[name] for name in ("files", "counts", "bytes", "seconds", "report") if name in summary}


def job_facts(job: Job, url: str) -> dict[str, Any]:
    """Id, address, status and counts of a job, for the `extra` of events."""
    told = {"id": str(job.id), "url": url, "status": str(job.status)}
    return {"job": told, **({"counts": job.counts} if job.counts else {})}


def as_names(names: Any) -> tuple[str, ...]:
    """Names or places as a tuple: one, several or none; values that are neither text nor path are left out."""
    listed = names if isinstance(names, (list, tuple, set)) else [names]
    return tuple(str(name) for name in listed if isinstance(name, (str, os.PathLike)))
