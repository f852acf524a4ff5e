"""Compiler of query trees to SQL: an allow-list of fields, and one EXISTS per condition on tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, false, or_, select

from datalake_ops.platform.ql import values
from datalake_ops.platform.ql.fields import SOURCE_NAME, TAG_NAME, plain_condition
from datalake_ops.platform.ql.tree import And, Comparison, Node, Operator, QueryError
from datalake_ops.platform.ql.values import Condition
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow


@dataclass(frozen=True)
class TagSet:
    """Tags that a condition matches, and an upper bound of the data that carry them."""

    keys: tuple[int, ...]
    data_count: int


@dataclass(frozen=True)
class CompiledFilter:
    """Compiled query: conditions that all have to hold, and sets of tags each of which has to be carried."""

    conditions: tuple[Condition, ...] = ()
    tags: tuple[TagSet, ...] = ()
    # True if a condition is so selective that an index on its column is the best access path.
    narrow: bool = False


_NARROW = frozenset({"id", "filename", "object_name"})


def compile_filter(connection: Connection, lake: LakeRow, node: Node) -> CompiledFilter:
    """Compile a query for a lake.

    Raises:
        QueryError: a field is not known or cannot be compared like this.
    """
    compiler = _Compiler(connection, lake)
    parts = node.parts if isinstance(node, And) else (node,)
    tags = tuple(compiler.tag_set(part) for part in parts if isinstance(part, Comparison) and _can_drive(part))
    conditions = tuple(compiler.condition(part) for part in parts if not _can_drive(part))
    return CompiledFilter(conditions, tags, any(_is_narrow(part) for part in parts))


def has_any_tag(tags: TagSet) -> Condition:
    """Condition that a data carries one of these tags."""
    if not tags.keys:
        return false()
    # An alias: the tags' table may drive the query already.
    pairs = schema.data_tag.alias()
    carried = select(1).where(pairs.c.data_seq == schema.data.c.seq, pairs.c.tag_key.in_(tags.keys))
    return exists(carried.correlate(schema.data))


def _can_drive(part: Node) -> bool:
    """Return True if a part requires tags, so that the tags' own table can drive the query."""
    return (
        isinstance(part, Comparison)
        and part.name == TAG_NAME
        and not part.operator.is_negative
        and part.values != (None,)
    )


def _is_narrow(part: Node) -> bool:
    equal = (Operator.EQUAL, Operator.IN)
    return isinstance(part, Comparison) and part.name in _NARROW and part.operator in equal


class _Compiler:
    def __init__(self, connection: Connection, lake: LakeRow) -> None:
        self._connection = connection
        self._lake = lake

    def condition(self, node: Node) -> Condition:
        if isinstance(node, Comparison):
            return self._special.get(node.name, plain_condition)(node)
        join = and_ if isinstance(node, And) else or_
        return join(*(self.condition(part) for part in node.parts))

    def tag_set(self, comparison: Comparison) -> TagSet:
        tags = schema.tag.c
        statement = select(tags.key, tags.data_count).where(tags.lake_key == self._lake.key)
        rows = self._connection.execute(statement.where(values.text(tags.name, comparison))).all()
        return TagSet(tuple(row.key for row in rows), sum(row.data_count for row in rows))

    @property
    def _special(self) -> dict[str, Callable[[Comparison], Condition]]:
        return {TAG_NAME: self._tag, SOURCE_NAME: self._source}

    def _tag(self, comparison: Comparison) -> Condition:
        if comparison.values == (None,):
            return self._no_relation(comparison, _has_tags())
        # A negative operator matches data that carry no such tag.
        found = has_any_tag(self.tag_set(replace(comparison, operator=comparison.operator.positive)))
        return ~found if comparison.operator.is_negative else found

    def _source(self, comparison: Comparison) -> Condition:
        column: ColumnElement[Any] = schema.data.c.source_key
        if comparison.values == (None,):
            return self._no_relation(comparison, column.is_not(None))
        sources = schema.source.c
        mine = sources.organization_id == self._lake.organization_id
        positive = values.text(sources.name, replace(comparison, operator=comparison.operator.positive))
        keys = self._connection.execute(select(sources.key).where(mine, positive)).scalars().all()
        found = column.in_(keys)
        return or_(column.is_(None), ~found) if comparison.operator.is_negative else found

    def _no_relation(self, comparison: Comparison, some: Condition) -> Condition:
        if comparison.operator is Operator.EQUAL:
            return ~some
        if comparison.operator is Operator.NOT_EQUAL:
            return some
        raise QueryError("None goes with = and != only", comparison.column)


def _has_tags() -> Condition:
    pairs = schema.data_tag.alias()
    return exists(select(1).where(pairs.c.data_seq == schema.data.c.seq).correlate(schema.data))
