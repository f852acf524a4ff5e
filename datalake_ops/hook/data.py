"""Verbs that change and delete data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.client import data as operations
from datalake_ops.client import lakes
from datalake_ops.errors import NoDataError
from datalake_ops.hook.listing import ListingVerbs
from datalake_ops.hook.observation import reads, writes
from datalake_ops.hook.verb_arguments import DataLike, as_change, chunks, data_id
from datalake_ops.wire.data import Data, DataChange, DataProjection
from datalake_ops.wire.paging import PAGE_SIZE, UPDATE_SIZE


class DataVerbs(ListingVerbs):
    """Change and delete the lake's data."""

    @writes()
    def update_metadata(self, data: DataLike, metadata: Mapping[str, Any] | None) -> Data:
        """Set the metadata of a data; None empties it.

        Raises:
            BadRequestError: a key or a value that the platform does not take.
        """
        return self.send(operations.update_metadata(data_id(data), arguments.mapping("metadata", metadata)))

    @writes()
    def update_custom_metadata(self, data: DataLike, custom_metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """Set the custom metadata of a data and return what is kept."""
        wanted = arguments.mapping("custom_metadata", custom_metadata)
        answer = self.send(operations.update_custom_metadata(data_id(data), wanted))
        return dict(answer.get("custom_metadata") or {})

    @writes()
    def update_multiple_data(
        self, changes: Mapping[str | UUID, DataChange | Mapping[str, Any]], merge: bool = False
    ) -> int:
        """Change metadata, custom metadata, tags and source of many data, 100 a request; return their number.

        Tags and sources are given by name and created when missing. With `merge`, keys of metadata and custom metadata
        that a change does not name stay; without it they go, and with them the content key of `if_exists`.

        Raises:
            ArgumentError: a change is none, or `merge` is neither true nor false; nothing was sent.
            NoDataError: there are no changes.
            NotFoundError: a data is not there; the requests before its own are done.
        """
        keeps = arguments.flag("merge", merge)
        given = arguments.mapping("changes", changes)
        pairs = [(data_id(key), as_change(value)) for key, value in (given or {}).items()]
        if not pairs:
            raise NoDataError("update_multiple_data was given no changes: there is nothing to do.")
        for chunk in chunks(pairs, UPDATE_SIZE):
            some = self._merged(dict(chunk)) if keeps else dict(chunk)
            self.send(operations.update_many(self._lake_id, some))
        return len(pairs)

    def _merged(self, changes: dict[UUID, DataChange]) -> dict[UUID, DataChange]:
        wanted = [key for key, change in changes.items() if change.metadata or change.custom_metadata]
        if not wanted:
            return changes
        known = {data.id: data for data in self.iter_data(ids=list(wanted))}
        return {key: change.on_top_of(known[key]) if key in known else change for key, change in changes.items()}

    @writes()
    def delete_data(self, data: DataLike | Iterable[DataLike] | None = None, *, everything: bool = False) -> int:
        """Delete data and all that was made from them; return their number. `everything` deletes all of the lake.

        Raises:
            ArgumentError: neither data nor `everything` was given, or both.
            NoDataError: there are none.
        """
        ids = self._chosen_ids("delete_data", data, everything)
        for chunk in chunks(ids, PAGE_SIZE):
            self.send(operations.delete_many(self._lake_id, chunk))
        return len(ids)

    @reads()
    def list_projections(self, data: DataLike) -> list[DataProjection]:
        """All projections of a data."""
        return self.send(operations.list_projections(data_id(data)))

    def get_metadata_schema(self) -> dict[str, Any]:
        """The lake's schema of custom metadata, as the platform answers it."""
        return self.send(lakes.get_metadata_schema(self._lake_id))
