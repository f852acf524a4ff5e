"""SQL of one comparison, by the type of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, literal, literal_column, or_, true

from datalake_ops.platform.ql.moments import Period, parse_period
from datalake_ops.platform.ql.tree import LISTS, ORDERED, Comparison, Literal, Operator, QueryError

Condition = ColumnElement[bool]

_MATCHES = frozenset({Operator.CONTAINS, Operator.STARTS, Operator.ENDS})
_COMPARE: Mapping[Operator, Callable[[Any, Any], Condition]] = {
    Operator.EQUAL: lambda column, value: column == value,
    Operator.LESS: lambda column, value: column < value,
    Operator.LESS_EQUAL: lambda column, value: column <= value,
    Operator.GREATER: lambda column, value: column > value,
    Operator.GREATER_EQUAL: lambda column, value: column >= value,
}


def text(column: ColumnElement[Any], comparison: Comparison) -> Condition:
    """Compile a comparison of a text column: every operator."""
    if comparison.values == (None,):
        return _absent(column, comparison)
    values = [_of_type(value, str, "a text in double quotes", comparison) for value in comparison.values]
    return _negate_if_negative(column, comparison, _text_positive(column, comparison.operator.positive, values))


def number(column: ColumnElement[Any], comparison: Comparison) -> Condition:
    """Compile a comparison of a number column: equality, order and lists."""
    if comparison.values == (None,):
        return _absent(column, comparison)
    if comparison.operator.positive in _MATCHES:
        raise _not_for(comparison, "a number")
    values = [_of_type(value, (int, float), "a number", comparison) for value in comparison.values]
    return _negate_if_negative(column, comparison, _plain_positive(column, comparison.operator.positive, values))


def choice(column: ColumnElement[Any], comparison: Comparison, words: tuple[str, ...]) -> Condition:
    """Compile a comparison of an enumerated column: equality and lists."""
    if comparison.operator.positive not in (Operator.EQUAL, Operator.IN):
        raise _not_for(comparison, "a choice")
    for value in comparison.values:
        if value not in words:
            known = ", ".join(f'"{word}"' for word in words)
            raise QueryError(f"{comparison.name} is one of {known}, not {value!r}", comparison.value_column)
    return _negate_if_negative(
        column, comparison, _plain_positive(column, comparison.operator.positive, list(comparison.values))
    )


def identifier(column: ColumnElement[Any], comparison: Comparison) -> Condition:
    """Compile a comparison of a UUID column: equality and lists."""
    if comparison.operator.positive not in (Operator.EQUAL, Operator.IN):
        raise _not_for(comparison, "an identifier")
    values = [_uuid(value, comparison) for value in comparison.values]
    return _negate_if_negative(column, comparison, _plain_positive(column, comparison.operator.positive, values))


def moment(
    column: ColumnElement[Any], comparison: Comparison, instant: Callable[[Period], tuple[Any, Any]]
) -> Condition:
    """Compile a comparison of a datetime column with a period (a day, a minute, ...): equal means within it.

    `instant` gives a period's start (included) and end (excluded) in the column's own unit.
    """
    if comparison.values == (None,):
        return _absent(column, comparison)
    positive = comparison.operator.positive
    if positive in (Operator.STARTS, Operator.ENDS):
        raise _not_for(comparison, "a date")
    bounds = [instant(_period(value, comparison)) for value in comparison.values]
    if positive in ORDERED:
        start, end = bounds[0]
        # `>` a day means after its end, `<=` a day means up to its end.
        edge = start if positive in (Operator.LESS, Operator.GREATER_EQUAL) else end
        before = positive in (Operator.LESS, Operator.LESS_EQUAL)
        return _COMPARE[Operator.LESS if before else Operator.GREATER_EQUAL](column, edge)
    return _negate_if_negative(column, comparison, or_(*(and_(column >= start, column < end) for start, end in bounds)))


@dataclass(frozen=True)
class JsonValue:
    """Value within a JSON column, and SQLite's name of its type."""

    value: ColumnElement[Any]
    kind: ColumnElement[Any]


def json_value(column: str, keys: list[str]) -> JsonValue:
    """Value under keys of a JSON column; keys were read by the grammar, so they are plain words."""
    # Written into the statement, not bound: only then can an index on the expression serve it.
    path = "$" + "".join(f'."{key}"' for key in keys)
    return JsonValue(
        literal_column(f"json_extract({column}, '{path}')"), literal_column(f"json_type({column}, '{path}')")
    )


def json_field(found: JsonValue, comparison: Comparison) -> Condition:
    """Compile a comparison of a JSON value without a schema: only values of the literal's type match."""
    if comparison.values == (None,):
        return _absent(found.value, comparison)
    positive = comparison.operator.positive
    condition = or_(*(_free_positive(found, positive, value, comparison) for value in comparison.values))
    # No value, or one of another type, is not equal: NULL counts as false before the negation.
    return ~func.coalesce(condition, literal(False)) if comparison.operator.is_negative else condition


def empty_relation(comparison: Comparison) -> Condition:
    """Compile a comparison of a relation that is always empty."""
    absent = comparison.values == (None,)
    if absent and comparison.operator not in (Operator.EQUAL, Operator.NOT_EQUAL):
        raise _only_equality(comparison)
    return true() if comparison.operator.is_negative != absent else false()


def _free_positive(found: JsonValue, operator: Operator, value: Literal, comparison: Comparison) -> Condition:
    operator = Operator.EQUAL if operator is Operator.IN else operator
    if value is None:
        raise QueryError("None goes with = and != only", comparison.value_column)
    if isinstance(value, bool):
        if operator is not Operator.EQUAL:
            raise QueryError("True and False go with = and != only", comparison.value_column)
        return found.kind == literal("true" if value else "false")
    if isinstance(value, str):
        return and_(found.kind == literal("text"), _text_positive(found.value, operator, [value]))
    if operator in _MATCHES:
        raise QueryError(f"{operator.value} compares texts, not numbers", comparison.value_column)
    return and_(found.kind.in_(("integer", "real")), _plain_positive(found.value, operator, [value]))


def _text_positive(column: ColumnElement[Any], operator: Operator, values: list[Any]) -> Condition:
    # SQLite's LIKE is case-insensitive.
    if operator is Operator.CONTAINS:
        return column.contains(values[0], autoescape=True)
    if operator is Operator.STARTS:
        return column.startswith(values[0], autoescape=True)
    if operator is Operator.ENDS:
        return column.endswith(values[0], autoescape=True)
    return _plain_positive(column, operator, values)


def _plain_positive(column: ColumnElement[Any], operator: Operator, values: list[Any]) -> Condition:
    if operator is Operator.IN:
        return column.in_(values)
    return _COMPARE[operator](column, values[0])


def _negate_if_negative(column: ColumnElement[Any], comparison: Comparison, positive: Condition) -> Condition:
    return or_(column.is_(None), ~positive) if comparison.operator.is_negative else positive


def _absent(column: ColumnElement[Any], comparison: Comparison) -> Condition:
    if comparison.operator is Operator.EQUAL:
        return column.is_(None)
    if comparison.operator is Operator.NOT_EQUAL:
        return column.is_not(None)
    raise _only_equality(comparison)


def _of_type(value: Literal, kind: type | tuple[type, ...], word: str, comparison: Comparison) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise QueryError(f"{comparison.name} is compared with {word}, not {value!r}", comparison.value_column)
    return value


def _uuid(value: Literal, comparison: Comparison) -> UUID:
    try:
        return UUID(_of_type(value, str, "an identifier in double quotes", comparison))
    except ValueError as error:
        raise QueryError(f"{value!r} is not an identifier (a UUID)", comparison.value_column) from error


def _period(value: Literal, comparison: Comparison) -> Period:
    found = parse_period(_of_type(value, str, "a date in double quotes", comparison))
    if found is None:
        raise QueryError(
            f'{value!r} is not a date; write it like "2024-03", "2024-03-01" or "2024-03-01 14:30"',
            comparison.value_column,
        )
    return found


def _not_for(comparison: Comparison, what: str) -> QueryError:
    return QueryError(
        f"{comparison.operator.value} does not go with {comparison.name}, which is {what}", comparison.column
    )


def _only_equality(comparison: Comparison) -> QueryError:
    where = comparison.value_column if comparison.operator in LISTS else comparison.column
    return QueryError("None goes with = and != only", where)
