"""Operations on the tags of a lake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from datalake_ops.client.operation import Operation, Repeat, items, model, nothing, query
from datalake_ops.wire import routes
from datalake_ops.wire.tags import Tag, TagAttachment

TagOperation = Callable[[UUID, Iterable[UUID]], Operation[TagAttachment]]


def create_tag(datalake: UUID, name: str) -> Operation[Tag]:
    """Create a tag; the platform refuses a name that is there (409)."""
    return Operation("POST", routes.TAGS.format(datalake=datalake), model(Tag), body={"name": name}, repeat=Repeat.ONCE)


def find_tag(datalake: UUID, name: str) -> Operation[Tag]:
    """The tag of that exact name."""
    return Operation("GET", routes.TAGS_FIND.format(datalake=datalake), model(Tag), query(name=name))


def list_tags(
    datalake: UUID, limit: int | None = None, offset: int | None = None, order_by: Sequence[str] | None = None
) -> Operation[list[Tag]]:
    """The lake's tags; all of them without a limit."""
    pairs = query(limit=limit, offset=offset, order_by=list(order_by or []))
    return Operation("GET", routes.TAGS.format(datalake=datalake), items(Tag), pairs)


def delete_tag(tag: UUID) -> Operation[None]:
    """Delete a tag; data that carry it lose it."""
    return Operation("DELETE", routes.TAG.format(tag=tag), nothing)


def attach_tag(tag: UUID, data_ids: Iterable[UUID]) -> Operation[TagAttachment]:
    """Put a tag on data; data that carry it already keep it."""
    return Operation("POST", routes.TAG_ATTACH.format(tag=tag), model(TagAttachment), body=list(data_ids))


def detach_tag(tag: UUID, data_ids: Iterable[UUID]) -> Operation[TagAttachment]:
    """Take a tag off data."""
    return Operation("POST", routes.TAG_DETACH.format(tag=tag), model(TagAttachment), body=list(data_ids))
