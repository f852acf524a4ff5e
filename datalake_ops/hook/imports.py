"""Verbs that import objects of the lake's bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from datalake_ops import arguments
from datalake_ops.arguments.literals import parsed
from datalake_ops.client import jobs
from datalake_ops.client.jobs import ImportMarks, ImportOptions, JobMark
from datalake_ops.errors import ArgumentError, NoDataError, UnsupportedError
from datalake_ops.hook.observation import writes
from datalake_ops.hook.sources import SourceVerbs
from datalake_ops.hook.tags import TagVerbs
from datalake_ops.hook.verb_arguments import SourceLike, TagLike, as_change, chunks, given_source
from datalake_ops.wire.data import DataChange
from datalake_ops.wire.image_metadata import FILL_ALL
from datalake_ops.wire.jobs import Job, OnChanged
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.paging import IMPORT_SIZE

logger = logging.getLogger(__name__)


class JobStarter(TagVerbs, SourceVerbs):
    """Gives the jobs that a verb starts a key and labels, where the platform keeps them."""

    def _mark(self, idempotency_key: str | None, labels: Mapping[str, str] | None) -> JobMark:
        """The key and labels that this platform keeps; a new key, where none is given, makes lost answers harmless."""
        idempotency_key = arguments.text("idempotency_key", idempotency_key)
        labels = arguments.mapping("labels", labels)
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

    @writes("tags", "source")
    def import_bucket_objects(
        self,
        prefixes: Sequence[str] | str,
        tags: TagLike | Sequence[TagLike] | None = None,
        source: SourceLike | None = None,
        *,
        on_changed: str = "skip",
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        fill_metadata: bool | str | None = True,
    ) -> Job:
        """Start the import of all objects whose names begin with one of the prefixes, and return its job.

        What is imported already, or is of no content type that the platform reads, is skipped by the platform. Missing
        tags and a missing source are created. The platform reads EXIF into metadata; with `fill_metadata="full"` it
        reads place, true moment and camera too, where it offers that.

        Args:
            on_changed: treatment of an object that was overwritten in the bucket since its import: "skip" it (it is
                counted as `skipped_changed`, and its data cannot be downloaded any more), "update" its data, or import
                it as "new" data. An update reads the file again and drops projections, the content hash and what EXIF
                told; tags and other metadata stay. With "new" the earlier data has the status ERROR.

        Raises:
            NoDataError: there is no prefix (`[""]`, exactly, is the whole bucket).
            ArgumentError: a prefix is blank beside others, or an argument is not what its field takes.
            UnsupportedError: the platform cannot tell overwritten objects, so that it takes "skip" alone.
            AmbiguousRequestError: the answer was lost and the platform has no idempotency keys.
        """
        wanted = arguments.texts("prefixes", prefixes, allow_blank=True)
        if wanted is None:
            raise arguments.refusal("prefixes", prefixes, 'write a prefix; [""] imports the whole bucket.')
        if not wanted:
            raise NoDataError('import_bucket_objects was given no prefix; [""] imports the whole bucket.')
        options = self._options(on_changed, fill_metadata)
        source = given_source(source)
        tag_ids = [tag.id for tag in self._resolve_tags(tags)]
        origin = self._resolve_source(source)
        mark = self._mark(idempotency_key, labels)
        marks = ImportMarks(tag_ids, origin.id if origin else None, options)
        return self.send(jobs.import_prefixes(self._lake_id, wanted, marks, mark)).job

    @writes()
    def import_cloud_objects(
        self,
        objects: Mapping[str, DataChange | Mapping[str, Any] | None] | Iterable[str],
        *,
        on_changed: str = "skip",
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        fill_metadata: bool | str | None = True,
    ) -> list[Job]:
        """Start the import of named objects, each with its own metadata, tags and source; one job per 500 objects.

        Args:
            on_changed: treatment of overwritten objects, see `import_bucket_objects`. What is named for an object goes
                to the data that is updated, too.
            fill_metadata: as in `import_bucket_objects`.

        Raises:
            NoDataError: there are no objects.
            ArgumentError: a field is unknown.
            UnsupportedError: the platform takes `on_changed="skip"` alone.
            AmbiguousRequestError: the answer was lost and the platform has no idempotency keys.
        """
        named = _named_objects(objects)
        if not named:
            raise NoDataError("import_cloud_objects was given no object names: there is nothing to do.")
        pairs = [(name, as_change(change)) for name, change in named.items()]
        options, started = self._options(on_changed, fill_metadata), []
        for number, chunk in enumerate(chunks(pairs, IMPORT_SIZE)):
            # A single job is found by the key itself.
            key = f"{idempotency_key}/{number}" if idempotency_key and len(pairs) > IMPORT_SIZE else idempotency_key
            operation = jobs.import_objects(self._lake_id, dict(chunk), self._mark(key, labels), options)
            started.append(self.send(operation).job)
        return started

    def _options(self, on_changed: str | None, fill_metadata: bool | str | None) -> ImportOptions:
        return ImportOptions(self._on_changed(on_changed), self._fill(fill_metadata))

    def _on_changed(self, given: str | None) -> OnChanged:
        word = arguments.on_changed(given)
        if word is not OnChanged.SKIP and not self.context.offers(Extension.IMPORT_CHANGED):
            raise UnsupportedError(
                f"The platform at {self.connection.host} cannot tell objects that were overwritten since their import, "
                f"so on_changed={word.value!r} does not go; leave it out, and the import skips what it has."
            )
        return word

    def _fill(self, given: bool | str | None) -> str | None:
        """The word for the platform, None for what it reads anyway."""
        fill = arguments.fill("fill_metadata", given)
        if fill is False:
            raise arguments.refusal("fill_metadata", given, 'an import reads EXIF in any case: write true or "full".')
        if fill != FILL_ALL:
            return None
        if not self.context.offers(Extension.IMPORT_METADATA):
            logger.warning(
                "The platform at %s cannot be asked to read place, true moment and camera: it reads EXIF as it does.",
                self.connection.host,
            )
            return None
        return FILL_ALL


def _named_objects(objects: Any) -> dict[str, Any]:
    """Changes by object name, from a mapping, its text, names or one name."""
    if isinstance(objects, Mapping) or (isinstance(objects, str) and isinstance(parsed(objects), Mapping)):
        return arguments.mapping("objects", objects) or {}
    names = arguments.texts("objects", objects)
    if names is None:
        raise ArgumentError("import_cloud_objects needs objects: names, or a mapping of names to fields.", "objects")
    return dict.fromkeys(names)
