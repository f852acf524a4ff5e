"""SQL for one field and one comparison, by the kind of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, literal, literal_column, or_, true

from datalake_ops.platform.ql.moments import Period, period
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


def text(column: ColumnElement[Any], asked: Comparison) -> Condition:
    """A text column: every operator."""
    if asked.values == (None,):
        return _absent(column, asked)
    values = [_of_type(value, str, "a text in double quotes", asked) for value in asked.values]
    return _signed(column, asked, _text_positive(column, asked.operator.positive, values))


def number(column: ColumnElement[Any], asked: Comparison) -> Condition:
    """A number column: equality, order and lists."""
    if asked.values == (None,):
        return _absent(column, asked)
    if asked.operator.positive in _MATCHES:
        raise _not_for(asked, "a number")
    values = [_of_type(value, (int, float), "a number", asked) for value in asked.values]
    return _signed(column, asked, _plain_positive(column, asked.operator.positive, values))


def choice(column: ColumnElement[Any], asked: Comparison, words: tuple[str, ...]) -> Condition:
    """A column of few words: equality and lists."""
    if asked.operator.positive not in (Operator.EQUAL, Operator.IN):
        raise _not_for(asked, "a choice")
    for value in asked.values:
        if value not in words:
            known = ", ".join(f'"{word}"' for word in words)
            raise QueryError(f"{asked.name} is one of {known}, not {value!r}", asked.value_column)
    return _signed(column, asked, _plain_positive(column, asked.operator.positive, list(asked.values)))


def identifier(column: ColumnElement[Any], asked: Comparison) -> Condition:
    """A UUID column: equality and lists."""
    if asked.operator.positive not in (Operator.EQUAL, Operator.IN):
        raise _not_for(asked, "an identifier")
    values = [_uuid(value, asked) for value in asked.values]
    return _signed(column, asked, _plain_positive(column, asked.operator.positive, values))


def moment(column: ColumnElement[Any], asked: Comparison, instant: Callable[[Period], tuple[Any, Any]]) -> Condition:
    """A column of moments, compared with a day, a minute, ...: equal means within it.

    `instant` gives a period's start (included) and end (excluded) in the column's own unit.
    """
    if asked.values == (None,):
        return _absent(column, asked)
    positive = asked.operator.positive
    if positive in (Operator.STARTS, Operator.ENDS):
        raise _not_for(asked, "a date")
    bounds = [instant(_period(value, asked)) for value in asked.values]
    if positive in ORDERED:
        start, end = bounds[0]
        # Later than a day is after its end, up to a day is until its end.
        edge = start if positive in (Operator.LESS, Operator.GREATER_EQUAL) else end
        before = positive in (Operator.LESS, Operator.LESS_EQUAL)
        return _COMPARE[Operator.LESS if before else Operator.GREATER_EQUAL](column, edge)
    return _signed(column, asked, or_(*(and_(column >= start, column < end) for start, end in bounds)))


@dataclass(frozen=True)
class JsonValue:
    """A value within a JSON column, and the word SQLite has for its type."""

    value: ColumnElement[Any]
    kind: ColumnElement[Any]


def json_value(column: str, keys: list[str]) -> JsonValue:
    """The value under keys of a JSON column; keys were read by the grammar, so they are plain words."""
    # Written into the statement, not bound: only then can an index on the expression serve it.
    path = "$" + "".join(f'."{key}"' for key in keys)
    return JsonValue(
        literal_column(f"json_extract({column}, '{path}')"), literal_column(f"json_type({column}, '{path}')")
    )


def free(found: JsonValue, asked: Comparison) -> Condition:
    """A value of free JSON: compared only when it is of the literal's type."""
    if asked.values == (None,):
        return _absent(found.value, asked)
    positive = asked.operator.positive
    condition = or_(*(_free_positive(found, positive, value, asked) for value in asked.values))
    # What has no value, or one of another type, is not equal: NULL counts as false before it is turned round.
    return ~func.coalesce(condition, literal(False)) if asked.operator.is_negative else condition


def none_at_all(asked: Comparison) -> Condition:
    """A relation that is always empty."""
    absent = asked.values == (None,)
    if absent and asked.operator not in (Operator.EQUAL, Operator.NOT_EQUAL):
        raise _only_equality(asked)
    return true() if asked.operator.is_negative != absent else false()


def _free_positive(found: JsonValue, operator: Operator, value: Literal, asked: Comparison) -> Condition:
    operator = Operator.EQUAL if operator is Operator.IN else operator
    if value is None:
        raise QueryError("None goes with = and != only", asked.value_column)
    if isinstance(value, bool):
        if operator is not Operator.EQUAL:
            raise QueryError("True and False go with = and != only", asked.value_column)
        return found.kind == literal("true" if value else "false")
    if isinstance(value, str):
        return and_(found.kind == literal("text"), _text_positive(found.value, operator, [value]))
    if operator in _MATCHES:
        raise QueryError(f"{operator.value} compares texts, not numbers", asked.value_column)
    return and_(found.kind.in_(("integer", "real")), _plain_positive(found.value, operator, [value]))


def _text_positive(column: ColumnElement[Any], operator: Operator, values: list[Any]) -> Condition:
    # LIKE, as SQLite has it, does not tell upper from lower case.
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


def _signed(column: ColumnElement[Any], asked: Comparison, positive: Condition) -> Condition:
    return or_(column.is_(None), ~positive) if asked.operator.is_negative else positive


def _absent(column: ColumnElement[Any], asked: Comparison) -> Condition:
    if asked.operator is Operator.EQUAL:
        return column.is_(None)
    if asked.operator is Operator.NOT_EQUAL:
        return column.is_not(None)
    raise _only_equality(asked)


def _of_type(value: Literal, kind: type | tuple[type, ...], word: str, asked: Comparison) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind):
        raise QueryError(f"{asked.name} is compared with {word}, not {value!r}", asked.value_column)
    return value


def _uuid(value: Literal, asked: Comparison) -> UUID:
    try:
        return UUID(_of_type(value, str, "an identifier in double quotes", asked))
    except ValueError as error:
        raise QueryError(f"{value!r} is no identifier (a UUID)", asked.value_column) from error


def _period(value: Literal, asked: Comparison) -> Period:
    found = period(_of_type(value, str, "a date in double quotes", asked))
    if found is None:
        raise QueryError(
            f'{value!r} is no date; write it like "2024-03", "2024-03-01" or "2024-03-01 14:30"', asked.value_column
        )
    return found


def _not_for(asked: Comparison, what: str) -> QueryError:
    return QueryError(f"{asked.operator.value} does not go with {asked.name}, which is {what}", asked.column)


def _only_equality(asked: Comparison) -> QueryError:
    where = asked.value_column if asked.operator in LISTS else asked.column
    return QueryError("None goes with = and != only", where)
