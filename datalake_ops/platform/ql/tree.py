"""Query tree, and its rendering as text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum

Literal = str | int | float | bool | None


class Operator(StrEnum):
    """Comparison operator."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    CONTAINS = "~"
    NOT_CONTAINS = "!~"
    STARTS = "startswith"
    NOT_STARTS = "not startswith"
    ENDS = "endswith"
    NOT_ENDS = "not endswith"
    IN = "in"
    NOT_IN = "not in"

    @property
    def positive(self) -> Operator:
        """Operator that this one negates; itself when it negates none."""
        return _POSITIVE.get(self, self)

    @property
    def is_negative(self) -> bool:
        """Return True if the operator negates another."""
        return self in _POSITIVE


_POSITIVE = {
    Operator.NOT_EQUAL: Operator.EQUAL,
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.NOT_STARTS: Operator.STARTS,
    Operator.NOT_ENDS: Operator.ENDS,
    Operator.NOT_IN: Operator.IN,
}
ORDERED = frozenset({Operator.LESS, Operator.LESS_EQUAL, Operator.GREATER, Operator.GREATER_EQUAL})
LISTS = frozenset({Operator.IN, Operator.NOT_IN})


class QueryError(ValueError):
    """Invalid query: a message, and the column (from 1)."""

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.column = column

    def __str__(self) -> str:
        return self.message if self.column is None else f"column {self.column}: {self.message}"


@dataclass(frozen=True)
class Comparison:
    """Comparison of a field with a value, or with several for `in`."""

    name: str
    operator: Operator
    values: tuple[Literal, ...]
    # Columns of its field and its first value, for messages.
    column: int = field(default=1, compare=False)
    value_column: int = field(default=1, compare=False)


@dataclass(frozen=True)
class And:
    """Conjunction of parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """Disjunction of parts."""

    parts: tuple[Node, ...]


Node = Comparison | And | Or


def render(node: Node) -> str:
    """Render a tree as text; parsing it returns the tree again."""
    if isinstance(node, Comparison):
        return f"{node.name} {node.operator.value} {_render_values(node)}"
    word = " and " if isinstance(node, And) else " or "
    return word.join(_inside(part) for part in node.parts)


def _inside(part: Node) -> str:
    return render(part) if isinstance(part, Comparison) else f"({render(part)})"


def _render_values(node: Comparison) -> str:
    words = ", ".join(_render_literal(value) for value in node.values)
    return f"({words})" if node.operator in LISTS else words


def _render_literal(value: Literal) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
