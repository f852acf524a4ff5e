"""Abstract operator that selects data of the lake by filters or ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import BaseOperator
from airflow_provider.handoff.id_files import given_ids
from airflow_provider.handoff.storage import Storage
from datalake_ops.errors import ConfigurationError, NoDataError
from datalake_ops.query import both, tags_query

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook as SharedHook

_NAMED = ("tags", "q", "filenames", "object_names", "custom_metadata", "order_by", "limit", "offset")
_FILTERS = (*_NAMED, "intersect_tags")
_NUMBERS = ("limit", "offset")
_NAMES = ("tags", "filenames", "object_names")
# By these alone nobody has chosen among the data of the lake.
_NO_CHOICE = {"intersect_tags", "order_by", "offset"}


class SelectionOperator(BaseOperator):
    """Takes the filters of `DatalakeHook.list_data`, under its names.

    Args:
        tags: Data with one of these tags (templated).
        intersect_tags: Data with all of the tags instead.
        q: Query-language text; it holds together with `tags` (templated).
        filenames, object_names: Data with one of these names; give one of the two (templated).
        custom_metadata: Data whose custom metadata equals this on every key (templated).
        order_by: Field names, `-` before one means descending (templated).
        limit, offset: At most this many, from this one on (templated).
        storage_conn_id: The Airflow connection that opens a file of ids on a storage (templated).
    """

    template_fields: Sequence[str] = (*_NAMED, "storage_conn_id")

    def __init__(
        self,
        *,
        tags: str | list[str] | None = None,
        intersect_tags: bool = False,
        q: str | None = None,
        filenames: list[str] | None = None,
        object_names: list[str] | None = None,
        custom_metadata: dict[str, Any] | None = None,
        order_by: list[str] | None = None,
        limit: int | str | None = None,
        offset: int | str | None = None,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tags = tags
        self.intersect_tags = intersect_tags
        self.q = q
        self.filenames = filenames
        self.object_names = object_names
        self.custom_metadata = custom_metadata
        self.order_by = order_by
        self.limit = limit
        self.offset = offset
        self.storage_conn_id = storage_conn_id

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that were given, as arguments of `DatalakeHook.iter_data`.

        Raises:
            NoDataError: an empty list of names was given, which selects nothing.
        """
        given = {name: _filter(name, getattr(self, name)) for name in _FILTERS}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def query_text(self) -> str:
        """The filters by tags and query as query-language text, for the link to the lake."""
        return both(self.q, tags_query(given_names("tags", self.tags) or (), self.intersect_tags))

    @property
    def storage(self) -> Storage:
        """Access to files of ids."""
        return Storage(self.storage_conn_id)

    def select(self, datalake: SharedHook, ids: Sequence[str] | None = None) -> list[str]:
        """The ids of the data that match.

        Raises:
            NoDataError: none match.
        """
        # One page of data is in memory at a time; of the others only the ids.
        found = [str(data.id) for data in datalake.iter_data(**self.filters, ids=None if ids is None else list(ids))]
        if not found:
            raise NoDataError(f"No data of the lake match {self.filters or ids or 'at all: it is empty'}.")
        return found

    def chosen(self, datalake: SharedHook, data_ids: Any) -> list[str]:
        """The data that were named (by ids, or by the address of a file with ids), or those that match the filters.

        Raises:
            ConfigurationError: both were given, or neither, which would mean the whole lake.
            NoDataError: there are none, or a list of names is empty.
        """
        given = set(self.filters) - {"intersect_tags"}
        if given if data_ids is not None else not given - _NO_CHOICE:
            raise ConfigurationError(f"Say which data: their ids as `data_ids`, or a filter ({', '.join(_FILTERS)}).")
        return self.select(datalake) if data_ids is None else self.named(data_ids)

    def named(self, data_ids: Any) -> list[str]:
        """The ids that were given: one, many, or the address of a file with them.

        Raises:
            NoDataError: there are none.
        """
        named = given_ids(data_ids, self.storage)
        if not named:
            raise NoDataError(
                "`data_ids` is empty: there is nothing to work on. A task with more data than an XCom holds names them "
                "in a file: give it `ids_to`, and hand on its `data_ids_file`."
            )
        return named


def given_names(what: str, given: str | Sequence[str] | None) -> list[str] | None:
    """Names that data are chosen by; None when there is no choice by them.

    Raises:
        NoDataError: the list is empty, as that of an upstream task that found nothing is.
    """
    if given is None:
        return None
    names = listed(given)
    if not any(names):
        raise NoDataError(f"`{what}` is empty, which selects no data; leave it out to choose without it.")
    return names


def listed(given: Any) -> list[Any]:
    """One name, several or none, as operators take them, as a list."""
    return [given] if isinstance(given, str) else list(given or ())


def _filter(name: str, given: Any) -> Any:
    if name in _NAMES:
        return given_names(name, given)
    if name in _NUMBERS:
        # A template makes text of a number, and empty text of none.
        return None if given in (None, "") else int(given)
    return given or None
