"""Operators on data that are there: find one, list many, change them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider.handoff.id_files import given_rows, write_ids
from airflow_provider.lineage.record import LineageRecord, as_names
from airflow_provider.operators.abstract.asset_events import LineageOperator
from airflow_provider.operators.abstract.datalake import DatalakeOperator
from airflow_provider.operators.abstract.fields import (
    ADDRESS,
    CHOSEN_IDS,
    CHOSEN_MAPPING,
    CHOSEN_TEXT,
    FLAG,
    Field,
    mapping_or_address,
    whole,
)
from airflow_provider.operators.abstract.selection import DataChoiceOperator, SelectionOperator
from datalake_ops.errors import ConfigurationError, NoDataError

if TYPE_CHECKING:
    from uuid import UUID

    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook

# What one request changes; so many rows of a file are in memory at a time.
_CHANGED_AT_ONCE = 100


class FindDataOperator(DatalakeOperator):
    """Finds the one data that has a file name, an object name or an id; returns it as a dictionary.

    The dictionary is the data as the platform describes it, without its presigned address.

    Example:
        >>> found = FindDataOperator(task_id="find", filename="{{ params.filename }}")

    Args:
        filename, object_name, id: What to look for; give one (templated).
        kwargs: `datalake_conn_id`, see `DatalakeOperator`.

    Raises:
        NotFoundError: No data has it.
        InvalidQueryError: Several have.
        NoDataError: What to look for is empty; see `on_empty`.
    """

    argument_fields = {"filename": CHOSEN_TEXT, "object_name": CHOSEN_TEXT, "id": CHOSEN_TEXT}

    def __init__(
        self, *, filename: str | None = None, object_name: str | None = None, id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.filename = filename
        self.object_name = object_name
        self.id = id

    def work(self, context: Context) -> dict[str, Any]:
        """Ask the lake."""
        with self.lake(context) as lake:
            found = lake.find_data(self.filename, self.object_name, self.id)
        return found.model_dump(mode="json")


class ListDataOperator(SelectionOperator, DatalakeOperator):
    """Lists data; returns `count` and `data_ids`, all of them, each an XCom too.

    More ids than an XCom should hold go to the file `ids_to`; `data_ids` is empty then, and `data_ids_file` is what to
    hand on. The other operators take it in the place of a list.

    Example:
        >>> listed = ListDataOperator(task_id="night", tags=["night"], q="width > 1000", ids_to="/data/night.txt")
        >>> LaunchProcessingOperator(
        ...     task_id="thumbnails", processing="thumbnails", data_ids=listed.output["data_ids_file"]
        ... )

    Args:
        ids: Data with one of these ids, or the address of a file with them (templated); give one of `ids`,
            `filenames` and `object_names`.
        max_ids: How many ids the answer may hold; 0 only counts (templated).
        ids_to: Where to write the ids, one a line: a path or an fsspec URL (templated).
        kwargs: The other filters, see `SelectionOperator`; `datalake_conn_id`.

    Raises:
        NoDataError: Nothing matches.
        InvalidQueryError: `q` is not query-language text.
        ConfigurationError: More data match than `max_ids`, and there is no `ids_to`.
    """

    argument_fields = {"ids": CHOSEN_IDS, "max_ids": whole(0), "ids_to": ADDRESS}

    def __init__(self, *, ids: Any = None, max_ids: int | str = 1000, ids_to: Any = None, **kwargs: Any) -> None:
        super().__init__(**{"multiple_outputs": True, **kwargs})
        self.ids = ids
        self.max_ids: Any = max_ids
        self.ids_to = ids_to

    def empty_result(self) -> dict[str, Any]:
        """Count 0, and no ids."""
        return {"count": 0, "data_ids": []}

    def work(self, context: Context) -> dict[str, Any]:
        """List, and hand the ids on by value or by file."""
        with self.lake(context) as lake:
            named = None if self.ids is None else self.named("ids", self.ids)
            found = self.select(lake, ids=named)
            self.log.info("%d data match: %s", len(found), lake.datalake_url(self.query_text))
        if self.ids_to:
            fit = found if len(found) <= self.max_ids else []
            file = write_ids(self.ids_to, found, self.storage)
            return {"count": len(found), "data_ids": fit, "data_ids_file": file}
        if len(found) > self.max_ids > 0:
            raise ConfigurationError(
                f"{len(found)} data match, and an XCom takes max_ids={self.max_ids} ids: have them written to a file "
                "(ids_to), narrow the filters, or set a limit; max_ids=0 only counts."
            )
        return {"count": len(found), "data_ids": found[: self.max_ids]}


class UpdateDataOperator(DataChoiceOperator, LineageOperator, DatalakeOperator):
    """Changes metadata, custom metadata, tags and source of data; returns how many it changed.

    One `change` goes to all data that are given by `data_ids` or by filters; `changes` has one for each data. What a
    change does not name stays as it is, and tags come on top of those a data has: doing it twice changes nothing more.

    Example:
        >>> UpdateDataOperator(
        ...     task_id="reviewed",
        ...     tags=["line-3"],
        ...     change={"custom_metadata": {"reviewed": "{{ ds }}"}, "tags": ["reviewed"]},
        ... )

    Args:
        change: Any of `metadata`, `custom_metadata`, `tags` and `data_source` (names; created when missing)
            (templated).
        changes: Instead of all others: a change for each data by its id, or the address of a file with JSON lines that
            have `data_id` beside the fields of a change (templated).
        merge: Keep the keys of metadata and custom metadata that a change does not name. Without it they go, and with
            them the key by which an upload tells that the lake has a file.
        kwargs: `data_ids`, filters or `everything`, see `DataChoiceOperator`; `datalake_conn_id`; lineage, see
            `LineageOperator`.

    Raises:
        ConfigurationError: Neither or both of `change` and `changes` were given, or a field is unknown.
        NoDataError: No data match.
        BadRequestError: The platform does not take a value.
    """

    argument_fields = {
        "change": CHOSEN_MAPPING,
        "changes": Field(mapping_or_address, empty={}, is_json=True),
        "merge": FLAG,
    }

    def __init__(
        self,
        *,
        change: dict[str, Any] | str | None = None,
        changes: dict[str, dict[str, Any]] | str | None = None,
        merge: bool | str = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.merge: Any = merge
        self.change: Any = change
        self.changes = changes

    def empty_result(self) -> int:
        """No data were changed."""
        return 0

    def work(self, context: Context) -> int:
        """Find the data, and change them some at a time."""
        if (self.change is None) == (self.changes is None):
            raise ConfigurationError("Give one `change` for all data, or `changes` with one for each.")
        if self.change is not None:
            self.require_choice()
            self.warn_of_default_tags()
            if not self.change:
                raise NoDataError("`change` is empty: there is nothing to change.")
        with self.lake(context) as lake:
            changed = sum(map(partial(lake.update_multiple_data, merge=self.merge), self._changes(lake)))
            uri = lake.lake_uri()
            self.log.info("Changed %d data: %s", changed, lake.datalake_url(self.query_text))
        if not changed:
            raise NoDataError("`changes` is empty: there is nothing to change.")
        change = self.change or {}
        facts = {"counts": {"DATA": changed}, "fields": sorted(change)}
        self.record_lineage(
            context, LineageRecord(uri, as_names(change.get("tags")), change.get("data_source"), changed, facts=facts)
        )
        return changed

    def _changes(self, lake: SharedHook) -> Iterator[dict[str | UUID, Any]]:
        if self.change is not None:
            change = self.change
            pairs: Iterator[tuple[str, Any]] = ((one, change) for one in self.chosen(lake))
        else:
            pairs = given_rows(self.changes, "data_id", self.storage)
        some: dict[str | UUID, Any] = {}
        for data_id, change in pairs:
            # Several changes of one data are done one after another, in requests of their own.
            if data_id in some or len(some) == _CHANGED_AT_ONCE:
                yield some
                some = {}
            some[data_id] = change
        if some:
            yield some
