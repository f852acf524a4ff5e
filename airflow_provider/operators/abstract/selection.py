"""Abstract operators that select data of the lake, by filters or by ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.handoff.id_files import given_ids
from airflow_provider.handoff.storage import Storage
from airflow_provider.operators.abstract.arguments import ArgumentsOperator, given_by_default_args
from airflow_provider.operators.abstract.fields import (
    CHOSEN_IDS,
    CHOSEN_MAPPING,
    CHOSEN_TEXT,
    CHOSEN_TEXTS,
    DECISIVE_FLAG,
    TEXT,
    TEXTS,
    static_flag,
    whole,
)
from datalake_ops import arguments
from datalake_ops.arguments.selection import NO_CHOICE
from datalake_ops.errors import ArgumentError, NoDataError
from datalake_ops.query import both, tags_query

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook

_FILTERS = (
    "tags", "q", "filenames", "object_names", "custom_metadata", "order_by", "limit", "offset", "intersect_tags",
)  # fmt: skip


class SelectionOperator(ArgumentsOperator):
    """Abstract operator that takes the filters of `DatalakeHook.list_data`, under its names.

    A filter that is given and empty matches no data.

    Args:
        tags: Data with one of these tags (templated).
        intersect_tags: Data with all of the tags instead (templated).
        q: Query-language text; it holds together with `tags` (templated).
        filenames, object_names: Data with one of these names; give one of the two (templated).
        custom_metadata: Data whose custom metadata equals this on every key (templated).
        order_by: Field names, `-` before one means descending (templated).
        limit, offset: At most this many, from this one on (templated).
        storage_conn_id: The Airflow connection that opens a file of ids on a storage (templated).
    """

    argument_fields = {
        "tags": CHOSEN_TEXTS,
        "q": CHOSEN_TEXT,
        "filenames": CHOSEN_TEXTS,
        "object_names": CHOSEN_TEXTS,
        "custom_metadata": CHOSEN_MAPPING,
        "order_by": TEXTS,
        "limit": whole(1, is_required=True),
        "offset": whole(0, is_decisive=True),
        "intersect_tags": DECISIVE_FLAG,
        "storage_conn_id": TEXT,
    }

    def __init__(
        self,
        *,
        tags: str | list[str] | None = None,
        intersect_tags: bool | str = False,
        q: str | None = None,
        filenames: str | list[str] | None = None,
        object_names: str | list[str] | None = None,
        custom_metadata: dict[str, Any] | str | None = None,
        order_by: str | list[str] | None = None,
        limit: int | str | None = None,
        offset: int | str | None = None,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tags: Any = tags
        self.intersect_tags = intersect_tags
        self.q = q
        self.filenames = filenames
        self.object_names = object_names
        self.custom_metadata: Any = custom_metadata
        self.order_by = order_by
        self.limit = limit
        self.offset = offset
        self.storage_conn_id = storage_conn_id
        self._defaulted = given_by_default_args(self, _FILTERS, kwargs.get("default_args") or {})

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that were given, as arguments of `DatalakeHook.iter_data`."""
        given = {name: getattr(self, name) for name in _FILTERS}
        return {name: value for name, value in given.items() if value is not None and value is not False}

    @property
    def query_text(self) -> str:
        """The filters by tags and query as query-language text, for the link to the lake."""
        return both(self.q, tags_query(self.tags or (), bool(self.intersect_tags)))

    @property
    def storage(self) -> Storage:
        """Access to files of ids."""
        return Storage(self.storage_conn_id)

    def select(self, datalake: SharedHook, ids: Sequence[str] | None = None) -> list[str]:
        """The ids of the data that match.

        Raises:
            NoDataError: none match.
        """
        for name, value in self.filters.items():
            if arguments.is_empty(value):
                raise NoDataError(f"`{name}` is empty, which selects no data; leave it out to choose without it.")
        # One page of data is in memory at a time; of the others only the ids.
        found = [str(data.id) for data in datalake.iter_data(**self.filters, ids=None if ids is None else list(ids))]
        if not found:
            raise NoDataError(f"No data of the lake match {self.filters or ids or 'at all: it is empty'}.")
        return found

    def named(self, name: str, given: Any) -> list[str]:
        """The ids that were given: one, many, or the addresses of files with them.

        Raises:
            NoDataError: there are none.
        """
        named = given_ids(given, self.storage)
        if not named:
            raise NoDataError(
                f"`{name}` is empty: there is nothing to work on. A task with more data than an XCom holds names them "
                "in a file: give it `ids_to`, and hand on its `data_ids_file`."
            )
        return named


class DataChoiceOperator(SelectionOperator):
    """Abstract operator that changes, processes or downloads data; it needs a choice of them.

    Args:
        data_ids: Ids of the data, or the address of a file with them, such as `upload.output["data_ids_file"]`; lists
            of mapped tasks are joined (templated).
        everything: Take all data of the lake; without it a choice is needed (not templated).
        kwargs: Filters instead of `data_ids`, see `SelectionOperator`. Filters of `default_args` give way to
            `data_ids`.
    """

    argument_fields = {"data_ids": CHOSEN_IDS}

    def __init__(self, *, data_ids: Any = None, everything: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_ids = data_ids
        self.everything = static_flag("everything", everything, False)

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that were given; those of `default_args` give way to `data_ids`."""
        given = super().filters
        if self.data_ids is None:
            return given
        return {name: value for name, value in given.items() if name not in self._defaulted}

    def chosen(self, datalake: SharedHook) -> list[str]:
        """Ids of the data that were named, or that match the filters, or of all data with `everything`.

        Raises:
            ArgumentError: ids and filters were given, or neither; or one of them beside `everything`.
            NoDataError: there are none.
        """
        self.require_choice()
        return self.select(datalake) if self.data_ids is None else self.named("data_ids", self.data_ids)

    def require_choice(self) -> None:
        """Refuse a task without a choice of data, before anything is sent.

        Raises:
            ArgumentError: ids and filters were given, or neither; or one of them beside `everything`.
        """
        filters = self.filters
        arguments.require_choice(self.task_type, {"data_ids": self.data_ids, **filters}, self.everything)
        if self.data_ids is not None and set(filters) - NO_CHOICE:
            raise ArgumentError(
                f"Give `data_ids` or filters, not both; this task has data_ids and {sorted(set(filters) - NO_CHOICE)}.",
                field="data_ids",
            )

    def warn_of_default_tags(self) -> None:
        """Warn where the data to write to were chosen by `tags` of `default_args`."""
        if "tags" in self._defaulted and "tags" in self.filters:
            self.log.warning(
                "The data that this task changes are those with the tags %s, which come from default_args; in this "
                "operator `tags` chooses data.", self.tags,
            )  # fmt: skip


def listed(given: Any) -> list[Any]:
    """One name, several or none, as operators take them, as a list."""
    return [given] if isinstance(given, str) else list(given or ())
