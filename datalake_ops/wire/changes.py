"""Changes of a lake, oldest first, for those who follow it (extension `changes`)."""

from __future__ import annotations

from uuid import UUID

from datalake_ops.wire.jobs import Job
from datalake_ops.wire.model import Choice, WireModel


class ChangeKind(Choice):
    """Kind of a change: a data became usable, a tag was put on a data, a job ended."""

    READY = "READY"
    TAGGED = "TAGGED"
    ENDED = "ENDED"


class ChangedData(WireModel):
    """A data that changed, as it was when the page's last change had happened.

    `became_ready` and `tagged` are what happened in this page; `ready`, `tags` and `source` how it then was.
    """

    id: UUID
    became_ready: bool = False
    tagged: tuple[str, ...] = ()
    ready: bool = True
    tags: tuple[str, ...] = ()
    source: str | None = None


class EndedJob(Job):
    """A job that ended, with the name of its processing."""

    processing: str | None = None


class ChangePage(WireModel):
    """Page of the change log after a cursor: each data once, and jobs; ask again from `cursor`, at once when `more`.

    `lost`: the platform no longer keeps the changes right after the cursor of the request, so some were missed.
    """

    data: tuple[ChangedData, ...] = ()
    jobs: tuple[EndedJob, ...] = ()
    cursor: str
    more: bool = False
    lost: bool = False
