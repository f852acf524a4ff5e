"""Verbs that find, list and count data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.client import data as operations
from datalake_ops.client.data import DataFilter, Names, Window
from datalake_ops.errors import ArgumentError, NoDataError
from datalake_ops.hook.caller import LakeCaller
from datalake_ops.hook.observation import reads
from datalake_ops.hook.paging import pages
from datalake_ops.hook.verb_arguments import DataLike, TagLike, chunks, data_id
from datalake_ops.query import both, tags_query
from datalake_ops.wire.data import Data, MultiData
from datalake_ops.wire.paging import PAGE_SIZE, Page

if TYPE_CHECKING:
    from datalake_ops.client.response_handling import Unread

_MOST = 2**48


@dataclass(frozen=True)
class DataListing:
    """The arguments of a listing in the wire's terms; nothing matches a filter that was given and `is_empty`."""

    filter: DataFilter
    order_by: tuple[str, ...] = ()
    names: Names | None = None
    values: tuple[UUID | str, ...] = ()
    is_empty: bool = False


class ListingVerbs(LakeCaller):
    """Find, list and count the lake's data.

    A filter that is None is left out. One that is given and empty (`[]`, `()`, `""`, `{}`, blanks) matches nothing.
    """

    @reads()
    def find_data(
        self, filename: str | None = None, object_name: str | None = None, id: str | UUID | None = None
    ) -> Data:
        """Find the one data that has this file name, object name or id.

        Raises:
            NotFoundError: none has.
            InvalidQueryError: several have.
            NoDataError: an argument is blank.
            ConfigurationError: nothing to look for was given.
        """
        given = {"filename": filename, "object_name": object_name, "id": id}
        if not arguments.is_choice(given):
            raise ArgumentError("find_data needs a filename, an object_name or an id.")
        for name, value in given.items():
            if arguments.is_empty(value):
                raise NoDataError(f"{name} is blank: it matches no data.")
        operation = operations.find_data(
            self._lake_id,
            arguments.text("filename", filename),
            arguments.text("object_name", object_name),
            arguments.identifier("id", id),
        )
        return self.send(operation)

    @reads()
    def get_data(self, id: str | UUID) -> Data:
        """Return one data by its id, with its tags and source.

        Raises:
            NotFoundError: there is none.
        """
        return self.send(operations.get_data(data_id(id)))

    @reads("tags", "q")
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
        """List the lake's data, filtered; arguments as `iter_data` takes them (`page_size` has no effect).

        Raises:
            NoDataError: nothing matches, or a filter is given and empty.
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

    @reads("tags", "q")
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
        """Iterate over the lake's data, a page of 1,000 in memory at a time; all data without a filter.

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
        limit = arguments.whole_number("limit", limit, at_least=1)
        # More than there can be, and than the iterators count to.
        limit = None if limit is not None and limit > _MOST else limit
        offset = arguments.whole_number("offset", offset, at_least=0)
        listing = _listing(q, tags, intersect_tags, order_by, custom_metadata, ids, filenames, object_names)
        if listing.is_empty:
            return iter(())
        if listing.names is not None:
            start = offset or 0
            stop = None if limit is None else start + limit
            return islice(self._named(listing), start, stop)
        if listing.order_by:
            return self._ordered(listing, limit, offset or 0)
        return self._paged(listing, limit, offset)

    @reads("tags", "q")
    def count_data(
        self,
        q: str | None = None,
        tags: TagLike | list[TagLike] | None = None,
        intersect_tags: bool = False,
        custom_metadata: Mapping[str, Any] | None = None,
    ) -> int:
        """Count the data that match, without fetching them; 0 when a filter is given and empty."""
        listing = _listing(q, tags, intersect_tags, None, custom_metadata, None, None, None)
        if listing.is_empty:
            return 0
        return self.send(operations.list_page(self._lake_id, listing.filter, Window(limit=1))).count

    def _chosen_data(
        self, verb: str, data: DataLike | Iterable[DataLike] | None, everything: bool
    ) -> list[Data] | list[UUID]:
        """The data that a verb works on, as they were given or as ids; all data of the lake with `everything`.

        Raises:
            ArgumentError: neither was given, or both, or `everything` is no `flag`.
            NoDataError: there are none.
        """
        arguments.require_choice(verb, {"data": data}, everything)
        if arguments.flag("everything", everything):
            found: list[Any] = list(self.iter_data())
        else:
            found = list(arguments.elements(data))
            found = found if all(isinstance(one, Data) for one in found) else arguments.identifiers("data", found) or []
        if not found:
            raise NoDataError(f"{verb} was given no data: there is nothing to do.")
        return found

    def _chosen_ids(self, verb: str, data: DataLike | Iterable[DataLike] | None, everything: bool) -> list[UUID]:
        """The ids of the data that a verb works on, each once; arguments and errors are those of `_chosen_data`."""
        return arguments.identifiers("data", self._chosen_data(verb, data, everything)) or []

    def _paged(self, listing: DataListing, limit: int | None, offset: int | None) -> Iterator[Data]:
        size = PAGE_SIZE if limit is None else min(PAGE_SIZE, limit)

        def fetch(cursor: str | None) -> Unread[Page[Data]]:
            window = Window(size, None if cursor else offset, cursor)
            return self._fetch(operations.list_page(self._lake_id, listing.filter, window))

        found = (one for page in pages(fetch, size, limit) for one in page.items)
        return found if limit is None else islice(found, limit)

    def _ordered(self, listing: DataListing, limit: int | None, offset: int) -> Iterator[Data]:
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

    def _named(self, listing: DataListing) -> Iterator[Data]:
        for chunk in chunks(listing.values, PAGE_SIZE):
            operation = operations.list_named(
                self._lake_id, listing.names or "ids", chunk, listing.filter, listing.order_by
            )
            yield from self.send(operation).items


def _listing(
    q: str | None,
    tags: TagLike | list[TagLike] | None,
    intersect: bool | None,
    order_by: Sequence[str] | None,
    custom_metadata: Mapping[str, Any] | None,
    ids: Sequence[str | UUID] | None,
    filenames: Sequence[str] | None,
    object_names: Sequence[str] | None,
) -> DataListing:
    text, tag_names = arguments.text("q", q), arguments.texts("tags", tags)
    equal_to = arguments.mapping("custom_metadata", custom_metadata)
    order = tuple(arguments.texts("order_by", order_by) or ())
    lists: dict[Names, list[Any] | None] = {
        "ids": arguments.identifiers("ids", ids),
        "filenames": arguments.texts("filenames", filenames),
        "object_names": arguments.texts("object_names", object_names),
    }
    given = {name: values for name, values in lists.items() if values is not None}
    if len(given) > 1:
        raise ArgumentError(f"Give one of ids, filenames and object_names, not {len(given)} of them.")
    listed = DataFilter(
        both(text, tags_query(tag_names or (), bool(arguments.flag("intersect_tags", intersect)))) or None, equal_to
    )
    empty = any(arguments.is_empty(value) for value in (text, tag_names, equal_to, *given.values()))
    for name, values in given.items():
        return DataListing(listed, order, name, tuple(dict.fromkeys(values)), empty)
    return DataListing(listed, order, is_empty=empty)
