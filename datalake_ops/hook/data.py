"""Verbs that find, list, change and delete data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datalake_ops.client import data as operations
from datalake_ops.client import lakes
from datalake_ops.client.data import DataFilter, Names, Window
from datalake_ops.errors import ConfigurationError, NoDataError
from datalake_ops.hook.arguments import DataLike, TagLike, as_list, chunks, data_id, data_ids
from datalake_ops.hook.caller import Caller
from datalake_ops.hook.paging import pages
from datalake_ops.query import both, tags_query
from datalake_ops.wire.data import Data, DataChange, DataProjection, MultiData
from datalake_ops.wire.paging import PAGE_SIZE, UPDATE_SIZE, Page
from datalake_ops.wire.tags import Tag

if TYPE_CHECKING:
    from datalake_ops.client.response_handling import Unread


@dataclass(frozen=True)
class Listing:
    """The arguments of a listing, in the wire's terms."""

    filter: DataFilter
    order_by: tuple[str, ...] = ()
    names: Names | None = None
    values: tuple[UUID | str, ...] = ()


class DataVerbs(Caller):
    """Find, list, change and delete the lake's data."""

    def find_data(
        self, filename: str | None = None, object_name: str | None = None, id: str | UUID | None = None
    ) -> Data:
        """The one data that has this file name, object name or id.

        Raises:
            NotFoundError: none has.
            InvalidQueryError: several have.
            ConfigurationError: nothing to look for was given.
        """
        if filename is None and object_name is None and id is None:
            raise ConfigurationError("find_data needs a filename, an object_name or an id.")
        return self.send(operations.find_data(self._lake_id, filename, object_name, id))

    def get_data(self, id: str | UUID) -> Data:
        """One data by its id, with its tags and source.

        Raises:
            NotFoundError: there is none.
        """
        return self.send(operations.get_data(data_id(id)))

    def list_data(
        self,
        limit: int | None = None,
        offset: int | None = None,
        page_size: int | None = None,
        order_by: list[str] | None = None,
        tags: TagLike | list[TagLike] | None = None,
        filenames: list[str] | None = None,
        intersect_tags: bool | None = False,
        object_names: list[str] | None = None,
        q: str | None = None,
        ids: list[str | UUID] | None = None,
        custom_metadata: Mapping[str, Any] | None = None,
    ) -> MultiData:
        """The lake's data, filtered; arguments as `iter_data` takes them (`page_size` is accepted and has no effect).

        Raises:
            NoDataError: nothing matches.
            InvalidQueryError: `q` is not query-language text.
        """
        found = MultiData(
            self.iter_data(
                limit=limit,
                offset=offset,
                order_by=order_by,
                tags=tags,
                filenames=filenames,
                intersect_tags=intersect_tags,
                object_names=object_names,
                q=q,
                ids=ids,
                custom_metadata=custom_metadata,
            )
        )
        if not found:
            raise NoDataError(f"No data of the lake {self.context.datalake.name!r} matches.")
        return found

    def iter_data(
        self,
        limit: int | None = None,
        offset: int | None = None,
        order_by: list[str] | None = None,
        tags: TagLike | list[TagLike] | None = None,
        filenames: list[str] | None = None,
        intersect_tags: bool | None = False,
        object_names: list[str] | None = None,
        q: str | None = None,
        ids: list[str | UUID] | None = None,
        custom_metadata: Mapping[str, Any] | None = None,
    ) -> Iterator[Data]:
        """The lake's data one by one, a page of 1,000 in memory at a time.

        Args:
            limit: at most this many, from `offset` on.
            order_by: field names, `-` before one means descending; the platform's own order without it.
            tags: data with one of these tags, or with all of them when `intersect_tags`.
            filenames, object_names, ids: data with one of these; give one of the three.
            q: query-language text; it holds together with `tags`, each side in parentheses.
            custom_metadata: data whose custom metadata equals this on every key.

        Raises:
            ConfigurationError: the arguments contradict each other; raised before anything is sent.
        """
        _check_window(limit, offset)
        listing = _listing(q, tags, bool(intersect_tags), order_by, custom_metadata, ids, filenames, object_names)
        if listing.names is not None:
            start = offset or 0
            stop = None if limit is None else start + limit
            return islice(self._named(listing), start, stop)
        if listing.order_by:
            return self._ordered(listing, limit, offset or 0)
        return self._paged(listing, limit, offset)

    def count_data(
        self,
        q: str | None = None,
        tags: TagLike | list[TagLike] | None = None,
        intersect_tags: bool = False,
        custom_metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """How many data match, without fetching them."""
        listing = _listing(q, tags, intersect_tags, None, custom_metadata, None, None, None)
        return self.send(operations.list_page(self._lake_id, listing.filter, Window(limit=1))).count

    def _paged(self, listing: Listing, limit: int | None, offset: int | None) -> Iterator[Data]:
        size = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit)

        def fetch(cursor: str | None) -> Unread[Page[Data]]:
            window = Window(size, None if cursor else offset, cursor)
            return self._fetch(operations.list_page(self._lake_id, listing.filter, window))

        found = (one for page in pages(fetch, size, limit) for one in page.items)
        return found if limit is None else islice(found, limit)

    def _ordered(self, listing: Listing, limit: int | None, offset: int) -> Iterator[Data]:
        left = limit
        while left is None or left > 0:
            size = PAGE_SIZE if left is None else min(PAGE_SIZE, left)
            window = Window(size, offset)
            page = self.send(operations.list_ordered(self._lake_id, listing.filter, window, listing.order_by))
            yield from page.items[:left]
            left = None if left is None else left - len(page.items)
            offset += len(page.items)
            if not page.items or offset >= page.count:
                return

    def _named(self, listing: Listing) -> Iterator[Data]:
        for chunk in chunks(listing.values, PAGE_SIZE):
            operation = operations.list_named(
                self._lake_id, listing.names or "ids", chunk, listing.filter, listing.order_by
            )
            yield from self.send(operation).items

    def update_metadata(self, data: DataLike, metadata: Mapping[str, Any] | None) -> Data:
        """Set the metadata of a data; None empties it.

        Raises:
            BadRequestError: a key or a value that the platform does not take.
        """
        return self.send(operations.update_metadata(data_id(data), metadata))

    def update_custom_metadata(self, data: DataLike, custom_metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """Set the custom metadata of a data and return what is kept."""
        answer = self.send(operations.update_custom_metadata(data_id(data), custom_metadata))
        return dict(answer.get("custom_metadata") or {})

    def update_multiple_data(
        self, changes: Mapping[str | UUID, DataChange | Mapping[str, Any]], merge: bool = False
    ) -> int:
        """Change metadata, custom metadata, tags and source of many data, 100 a request; returns how many.

        Tags and sources are given by name and created when missing. With `merge`, keys of metadata and custom metadata
        that a change does not name stay; without it they go, and with them the content key of `if_exists`.

        Raises:
            NotFoundError: a data is not there; the requests before its own are done.
        """
        pairs = [(data_id(key), as_change(value)) for key, value in changes.items()]
        for chunk in chunks(pairs, UPDATE_SIZE):
            some = self._merged(dict(chunk)) if merge else dict(chunk)
            self.send(operations.update_many(self._lake_id, some))
        return len(pairs)

    def _merged(self, changes: dict[UUID, DataChange]) -> dict[UUID, DataChange]:
        wanted = [key for key, change in changes.items() if change.metadata or change.custom_metadata]
        if not wanted:
            return changes
        known = {data.id: data for data in self.iter_data(ids=list(wanted))}
        return {key: change.on_top_of(known[key]) if key in known else change for key, change in changes.items()}

    def delete_data(self, data: DataLike | Iterable[DataLike]) -> int:
        """Delete data and all that was made from them; returns how many were named."""
        ids = data_ids(data)
        for chunk in chunks(ids, PAGE_SIZE):
            self.send(operations.delete_many(self._lake_id, chunk))
        return len(ids)

    def list_projections(self, data: DataLike) -> list[DataProjection]:
        """All projections of a data."""
        return self.send(operations.list_projections(data_id(data)))

    def get_metadata_schema(self) -> dict[str, Any]:
        """The lake's schema of custom metadata, as the platform answers it."""
        return self.send(lakes.get_metadata_schema(self._lake_id))


def as_change(value: DataChange | Mapping[str, Any] | None) -> DataChange:
    """What an import or a bulk update says of one data, from a mapping of the same four fields."""
    if isinstance(value, DataChange):
        return value
    unknown = sorted(set(value or {}) - set(DataChange.model_fields))
    if unknown:
        raise ConfigurationError(f"Unknown fields {unknown}; a data has {sorted(DataChange.model_fields)}.")
    return DataChange.model_validate(value or {})


def _check_window(limit: int | None, offset: int | None) -> None:
    if limit is not None and limit <= 0:
        raise ConfigurationError(f"limit must be at least 1, not {limit}; leave it out for all data.")
    if offset is not None and offset < 0:
        raise ConfigurationError(f"offset must be at least 0, not {offset}.")


def _listing(
    q: str | None,
    tags: TagLike | list[TagLike] | None,
    intersect: bool,
    order_by: Sequence[str] | None,
    custom_metadata: Mapping[str, Any] | None,
    ids: Sequence[str | UUID] | None,
    filenames: Sequence[str] | None,
    object_names: Sequence[str] | None,
) -> Listing:
    names = [tag.name if isinstance(tag, Tag) else tag for tag in as_list(tags)]
    wanted = DataFilter(both(q, tags_query(names, intersect)) or None, custom_metadata)
    given: list[tuple[Names, Sequence[Any] | None]] = [
        ("ids", ids), ("filenames", filenames), ("object_names", object_names)
    ]  # fmt: skip
    chosen = [(name, values) for name, values in given if values is not None]
    if len(chosen) > 1:
        raise ConfigurationError(f"Give one of ids, filenames and object_names, not {[name for name, _ in chosen]}.")
    order = tuple(order_by or ())
    if not chosen:
        return Listing(wanted, order)
    name, values = chosen[0]
    listed = [data_id(value) for value in as_list(values)] if name == "ids" else as_list(values)
    if not listed:
        raise ConfigurationError(f"{name} is empty: leave it out for all data.")
    return Listing(wanted, order, name, tuple(dict.fromkeys(listed)))
