"""Verbs that import what a lake's bucket holds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from datalake_ops.client import jobs
from datalake_ops.client.jobs import JobMark
from datalake_ops.errors import ConfigurationError
from datalake_ops.hook.arguments import SourceLike, TagLike, as_list, chunks
from datalake_ops.hook.data import as_change
from datalake_ops.hook.sources import SourceVerbs
from datalake_ops.hook.tags import TagVerbs
from datalake_ops.wire.data import DataChange
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.paging import IMPORT_SIZE

logger = logging.getLogger(__name__)


class JobStarter(TagVerbs, SourceVerbs):
    """Marks the jobs that a verb starts, as far as the platform keeps marks."""

    def _mark(self, idempotency_key: str | None, labels: Mapping[str, str] | None) -> JobMark:
        """The marks this platform keeps; without a key of the caller's a fresh one makes lost answers harmless."""
        context = self.context
        keeps_keys, keeps_labels = context.offers(Extension.IDEMPOTENCY_KEY), context.offers(Extension.JOB_LABELS)
        if (idempotency_key and not keeps_keys) or (labels and not keeps_labels):
            logger.warning(
                "The platform at %s keeps no keys or labels of jobs: a repeated launch starts a second job.",
                self.connection.host,
            )
        key = (idempotency_key or str(uuid4())) if keeps_keys else None
        return JobMark(key, labels if keeps_labels else None)


class ImportVerbs(JobStarter):
    """Import objects that are in the lake's bucket already."""

    def import_bucket_objects(
        self,
        prefixes: Sequence[str] | str,
        tags: TagLike | Sequence[TagLike] | None = None,
        source: SourceLike | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Job:
        """Start the import of all objects whose names begin with one of the prefixes, and return its job.

        What is imported already, or is of no known content type, is skipped by the platform. Missing tags and a
        missing source are created.

        Raises:
            ConfigurationError: no prefix was given (`""` is the whole bucket).
            AmbiguousRequestError: the answer was lost and the platform has no idempotency keys.
        """
        wanted = as_list(prefixes)
        if not wanted:
            raise ConfigurationError('import_bucket_objects needs a prefix; [""] imports the whole bucket.')
        tag_ids = [tag.id for tag in self._resolve_tags(tags)]
        origin = self._resolve_source(source)
        mark = self._mark(idempotency_key, labels)
        operation = jobs.import_prefixes(self._lake_id, wanted, tag_ids, origin.id if origin else None, mark)
        return self.send(operation).job

    def import_cloud_objects(
        self,
        objects: Mapping[str, DataChange | Mapping[str, Any] | None] | Iterable[str],
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[Job]:
        """Start the import of named objects, each with its own metadata, tags and source; one job per 500 objects.

        Raises:
            ConfigurationError: no object was given, or a field is unknown.
            AmbiguousRequestError: the answer was lost and the platform has no idempotency keys.
        """
        named = objects if isinstance(objects, Mapping) else dict.fromkeys(objects)
        if not named:
            raise ConfigurationError("import_cloud_objects needs at least one object name.")
        pairs = [(name, as_change(change)) for name, change in named.items()]
        started = []
        for number, chunk in enumerate(chunks(pairs, IMPORT_SIZE)):
            # One job is found again by the key itself.
            key = f"{idempotency_key}/{number}" if idempotency_key and len(pairs) > IMPORT_SIZE else idempotency_key
            operation = jobs.import_objects(self._lake_id, dict(chunk), self._mark(key, labels))
            started.append(self.send(operation).job)
        return started
