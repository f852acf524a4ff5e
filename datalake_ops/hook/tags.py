"""Verbs on tags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.client import tags as operations
from datalake_ops.errors import AmbiguousRequestError, NotFoundError, ResourceConflictError
from datalake_ops.hook.listing import ListingVerbs
from datalake_ops.hook.observation import writes
from datalake_ops.hook.verb_arguments import DataLike, TagLike, chunks, given_tags, required_tags
from datalake_ops.wire.tags import Tag, TagTarget

# A body of some 400 kB; servers and proxies refuse much larger ones.
_TAGGED_AT_ONCE = 10_000


class TagVerbs(ListingVerbs):
    """Create, find, list, attach and detach the tags of the lake."""

    def create_data_tag(self, name: str) -> Tag:
        """Create a tag.

        Raises:
            ArgumentError: the name is None or blank, or no name; nothing was sent.
            ResourceConflictError: the lake has a tag of that name; `get_or_create_data_tag` takes either.
        """
        name = arguments.required_name("name", name, "write the name of a tag.")
        try:
            return self.send(operations.create_tag(self._lake_id, name))
        except AmbiguousRequestError:
            # The answer was lost: the tag is there if the platform did the work.
            return self.get_or_create_data_tag(name)

    def get_data_tag(self, name: str) -> Tag:
        """The tag of that exact name.

        Raises:
            ArgumentError: the name is None or blank, or no name; nothing was sent.
            NotFoundError: the lake has no such tag.
        """
        name = arguments.required_name("name", name, "write the name of a tag.")
        return self.send(operations.find_tag(self._lake_id, name))

    def get_or_create_data_tag(self, name: str) -> Tag:
        """The tag of that name, created when missing; two callers that race get the same tag.

        Raises:
            ArgumentError: the name is None or blank, or no name; nothing was sent.
        """
        name = arguments.required_name("name", name, "write the name of a tag.")
        try:
            return self.get_data_tag(name)
        except NotFoundError:
            pass
        try:
            return self.send(operations.create_tag(self._lake_id, name))
        except (ResourceConflictError, AmbiguousRequestError) as lost_race:
            try:
                return self.get_data_tag(name)
            except NotFoundError:
                raise lost_race from None

    def list_data_tags(
        self, limit: int | None = None, offset: int | None = None, order_by: list[str] | None = None
    ) -> list[Tag]:
        """The lake's tags; all of them without a limit."""
        return self.send(operations.list_tags(self._lake_id, *arguments.window(limit, offset, order_by)))

    @writes("tags")
    def add_tags(
        self,
        data: DataLike | Iterable[DataLike] | None,
        tags: TagLike | Sequence[TagLike],
        *,
        everything: bool = False,
    ) -> int:
        """Put tags on data, a request per tag and 10,000 data, and return the number of data; missing tags are made.

        With `everything` and None as `data`, all data of the lake.

        Raises:
            ArgumentError: neither data nor `everything` was given, or both.
            NoDataError: there are no data, or no tags.
        """
        wanted = required_tags("add_tags", tags)
        ids = self._chosen_ids("add_tags", data, everything)
        return self._for_each_tag(operations.attach_tag, ids, self._resolve_tags(wanted))

    @writes()
    def remove_tags(
        self,
        data: DataLike | Iterable[DataLike] | None,
        tags: TagLike | Sequence[TagLike],
        *,
        everything: bool = False,
    ) -> int:
        """Take tags off data, a request per tag and 10,000 data, and return the number of data.

        With `everything` and None as `data`, all data of the lake.

        Raises:
            ArgumentError: neither data nor `everything` was given, or both.
            NoDataError: there are no data, or no tags.
            NotFoundError: the lake has no tag of a given name.
        """
        wanted = required_tags("remove_tags", tags)
        ids = self._chosen_ids("remove_tags", data, everything)
        found = [tag if isinstance(tag, Tag) else self.get_data_tag(tag) for tag in wanted]
        return self._for_each_tag(operations.detach_tag, ids, found)

    def _for_each_tag(self, operation: operations.TagOperation, ids: Sequence[UUID], tags: Sequence[Tag]) -> int:
        for tag in tags:
            for chunk in chunks(ids, _TAGGED_AT_ONCE):
                self.send(operation(tag.id, chunk))
        return len(ids)

    def _resolve_tags(self, tags: TagLike | Sequence[TagLike] | None) -> list[Tag]:
        """Look tags up by name or create them, each name once; a tag of another kind counts by its name."""
        found: dict[str | UUID, Tag] = {}
        for tag in given_tags("tags", tags):
            if isinstance(tag, Tag) and tag.target_type is TagTarget.DATA:
                found.setdefault(tag.id, tag)
                continue
            name = tag.name if isinstance(tag, Tag) else tag
            if name not in found:
                found[name] = self.get_or_create_data_tag(name)
        return list({tag.id: tag for tag in found.values()}.values())
