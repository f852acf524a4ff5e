"""Operators that import named objects of a bucket: plan the parts of a long list, import one part by one job."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider.handoff.id_files import given_rows
from airflow_provider.handoff.storage import Storage, travelling
from airflow_provider.lineage.record import as_names
from airflow_provider.operators.abstract.fields import (
    FILL,
    NAME,
    REQUIRED_ADDRESS,
    TEXT,
    TEXTS,
    Field,
    names_or_mapping_or_address,
    option,
    whole,
)
from airflow_provider.operators.abstract.job import JobOperator
from airflow_provider.operators.abstract.selection import listed
from airflow_provider.operators.abstract.stoppable import StoppableOperator
from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError, NoDataError
from datalake_ops.query import tags_query

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job

_KEY = "object_name"


class PlanImportOperator(StoppableOperator):
    """Parts a long file of object names into imports of at most 500 objects; returns one small part for each job.

    Example:
        >>> plan = PlanImportOperator(task_id="plan", objects="s3://camera/{{ ds }}/objects.jsonl")
        >>> ImportCloudObjectsOperator.partial(
        ...     task_id="import_objects", map_index_template="{{ task.part['name'] }}"
        ... ).expand(part=plan.output)

    Args:
        objects: Address of the file: a name a line, or JSON lines with `object_name` and, where wanted, `metadata`,
            `custom_metadata`, `tags` and `data_source` (templated).
        max_objects: How many objects a part has, at most 500 (templated).
        storage_conn_id: The Airflow connection that opens the address; the parts name it too (templated).

    Raises:
        ConfigurationError: A line has no object name.
        NoDataError: The file is empty; see `on_empty`.
    """

    argument_fields = {"objects": REQUIRED_ADDRESS, "max_objects": whole(1), "storage_conn_id": TEXT}

    def __init__(
        self, *, objects: Any, max_objects: int | str = 500, storage_conn_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.objects = objects
        self.max_objects = max_objects
        self.storage_conn_id = storage_conn_id

    def work(self, context: Context) -> list[dict[str, Any]]:
        """Count the rows."""
        size = _checked_size(self.max_objects)
        objects, named = travelling(self.objects)
        conn_id = self.storage_conn_id or named
        count = sum(1 for _ in given_rows(str(objects), _KEY, Storage(conn_id)))
        if not count:
            raise NoDataError(f"{self.objects} names no object, so there is nothing to import.")
        extra = {"storage_conn_id": conn_id} if conn_id else {}
        parts = [(first, min(size, count - first)) for first in range(0, count, size)]
        self.log.info("%d objects in %d parts of at most %d.", count, len(parts), size)
        return [
            {"objects": str(objects), "first": first, "count": some, "name": f"{first + 1} to {first + some}"} | extra
            for first, some in parts
        ]


class ImportCloudObjectsOperator(JobOperator):
    """Imports named objects of the lake's bucket, each with what is said of it; returns the id of the platform's job.

    One task is one job, and the platform takes 500 objects in one: so a retry finds its job, a cancelled task cancels
    it, and a link leads to it. More objects are refused before anything is sent. Write them to a file, part it by
    `PlanImportOperator`, and map this operator over the parts; or map it over lists of your own by `objects`.

    Example:
        >>> ImportCloudObjectsOperator(
        ...     task_id="import_objects",
        ...     objects={"night/0001.jpg": {"tags": ["night"], "custom_metadata": {"camera": 3}}},
        ... )

    Args:
        objects: Object names; or for each name a mapping with any of `metadata`, `custom_metadata`, `tags` and
            `data_source`, or None; or the address of a file of them, as `PlanImportOperator` reads it (templated).
        part: Instead of `objects`: one part of a `PlanImportOperator` (templated).
        tags: Names of tags for every object, beside its own (templated).
        source: Name of the data source of objects that name none (templated).
        on_changed: What to do with an object that was overwritten in the bucket since its import: "skip" it, which is
            counted and warned of, "update" its data, or import it as "new" data (templated).
        storage_conn_id: The Airflow connection that opens the address (templated).
        fill_metadata: "full" reads place, true moment and camera from EXIF too (templated).
        kwargs: See `JobOperator`.

    Raises:
        ConfigurationError: More than 500 objects, or a field that is unknown; nothing was sent.
        NoDataError: There is no object; see `on_empty`.
    """

    argument_fields = {
        "objects": Field(names_or_mapping_or_address, empty=[], is_json=True),
        "part": Field(arguments.mapping, empty={}, is_json=True),
        "tags": TEXTS,
        "source": NAME,
        "on_changed": option("skip", "update", "new"),
        "storage_conn_id": TEXT,
        "fill_metadata": FILL,
    }

    def __init__(
        self,
        *,
        objects: dict[str, dict[str, Any] | None] | list[str] | str | None = None,
        part: dict[str, Any] | None = None,
        tags: str | list[str] | None = None,
        source: str | None = None,
        on_changed: str = "skip",
        storage_conn_id: str | None = None,
        fill_metadata: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fill_metadata: Any = fill_metadata
        self.objects: Any = objects
        self.part = part
        self.tags = tags
        self.source = source
        self.on_changed = on_changed
        self.storage_conn_id = storage_conn_id

    @property
    def query_text(self) -> str:
        """Query-language text that finds data with the tags of this import."""
        return tags_query(as_names(self.tags), intersect=True)

    def submit(self, datalake: SharedHook, idempotency_key: str, labels: dict[str, str]) -> Job:
        """Start the import."""
        [job] = datalake.import_cloud_objects(
            self._named(),
            fill_metadata=self.fill_metadata,
            on_changed=self.on_changed,
            idempotency_key=idempotency_key,
            labels=labels,
        )
        return job

    def _named(self) -> dict[str, dict[str, Any]]:
        from datalake_ops.wire.paging import IMPORT_SIZE

        if (self.objects is None) == (self.part is None):
            raise ConfigurationError("Give `objects` or a `part` of a PlanImportOperator, and not both.")
        if not self.objects and not self.part:
            raise NoDataError("`objects` is empty: there is nothing to import.")
        part = self.part or {"objects": self.objects, "first": 0, "count": None}
        storage = Storage(self.storage_conn_id or part.get("storage_conn_id"))
        rows = islice(given_rows(part["objects"], _KEY, storage), part["first"], None)
        named = {name: self._change(row or {}) for name, row in islice(rows, part["count"] or IMPORT_SIZE + 1)}
        if len(named) > IMPORT_SIZE:
            raise ConfigurationError(
                f"One job imports at most {IMPORT_SIZE} objects, and one task is one job: write the names to a file "
                "and map this operator over the parts of a PlanImportOperator, or map it over lists of your own."
            )
        return named

    def _change(self, row: dict[str, Any]) -> dict[str, Any]:
        tags = list(dict.fromkeys([*listed(self.tags), *(arguments.texts("tags", row.get("tags")) or ())]))
        return {**row, "tags": tags, "data_source": row.get("data_source") or self.source}


def _checked_size(max_objects: Any) -> int:
    from datalake_ops.wire.paging import IMPORT_SIZE

    if not 1 <= max_objects <= IMPORT_SIZE:
        raise ConfigurationError(f"max_objects is 1 to {IMPORT_SIZE}, got {max_objects}.")
    return int(max_objects)
