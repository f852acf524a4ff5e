"""Parser of the query language: text to tree (LALR)."""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from datalake_ops.platform.ql.tree import And, Comparison, Literal, Node, Operator, Or, QueryError

TEXT_BYTES = 4096
DEPTH = 32
NODES = 200
ITEMS = 1000
_INTEGER = 2**63

_GRAMMAR = r"""
    start: some
    some: every ("or" every)*
    every: part ("and" part)*
    ?part: "(" some ")" | comparison
    comparison: NAME COMPARED value
              | NAME "startswith" value -> starts
              | NAME "endswith" value -> ends
              | NAME "not" "startswith" value -> not_starts
              | NAME "not" "endswith" value -> not_ends
              | NAME "in" items -> among
              | NAME "not" "in" items -> not_among
    items: "(" value ("," value)* ")"
    value: STRING | NUMBER | CONSTANT

    COMPARED: "=" | "!=" | "<=" | "<" | ">=" | ">" | "~" | "!~"
    CONSTANT: /(True|False|None)\b/
    NAME: /(?!(and|or|not|in|True|False|None)\b)[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_0-9]+)*/
    STRING: /"([^"\\]|\\.)*"/s
    NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?(?![A-Za-z_0-9.])/
    %ignore /\s+/
"""
_CONSTANTS: dict[str, Literal] = {"True": True, "False": False, "None": None}
_WORDS = {
    "NAME": "a field name",
    "COMPARED": "one of = != < <= > >= ~ !~",
    "STRING": 'a text in double quotes ("...")',
    "NUMBER": "a number",
    "CONSTANT": "True, False or None",
    "LPAR": '"("',
    "RPAR": '")"',
    "COMMA": '","',
    "$END": "the end",
}
_NEAR = re.compile(r"\w+|\S|$")


def parse(text: str) -> Node:
    """Parse a query.

    Raises:
        QueryError: the text is no query, or exceeds a limit.
    """
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES:
        raise QueryError(f"a query has at most {TEXT_BYTES} bytes")
    try:
        # The transformer makes the parser return our own tree.
        return cast("Node", _parser().parse(text))
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from error
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from error
        raise


class _Builder(Transformer[Token, Any]):
    """Transformer that builds the tree during parsing, so that no nesting can exhaust the stack."""

    def start(self, children: list[Any]) -> Node:
        node, size, _ = children[0]
        if size > NODES:
            raise QueryError(f"a query has at most {NODES} conditions")
        return node  # type: ignore[no-any-return]

    def some(self, children: list[Any]) -> tuple[Node, int, int]:
        return _combine(Or, children)

    def every(self, children: list[Any]) -> tuple[Node, int, int]:
        return _combine(And, children)

    def comparison(self, children: list[Any]) -> tuple[Node, int, int]:
        name, operator, value = children
        return _comparison(name, Operator(str(operator)), [value])

    def starts(self, children: list[Any]) -> tuple[Node, int, int]:
        return _comparison(children[0], Operator.STARTS, children[1:])

    def ends(self, children: list[Any]) -> tuple[Node, int, int]:
        return _comparison(children[0], Operator.ENDS, children[1:])

    def not_starts(self, children: list[Any]) -> tuple[Node, int, int]:
        return _comparison(children[0], Operator.NOT_STARTS, children[1:])

    def not_ends(self, children: list[Any]) -> tuple[Node, int, int]:
        return _comparison(children[0], Operator.NOT_ENDS, children[1:])

    def among(self, children: list[Any]) -> tuple[Node, int, int]:
        return _comparison(children[0], Operator.IN, children[1])

    def not_among(self, children: list[Any]) -> tuple[Node, int, int]:
        return _comparison(children[0], Operator.NOT_IN, children[1])

    def items(self, children: list[Any]) -> list[Any]:
        if len(children) > ITEMS:
            raise QueryError(f"a list has at most {ITEMS} items", children[0][1])
        return children

    def value(self, children: list[Token]) -> tuple[Literal, int]:
        token = children[0]
        return _literal(token), token.column or 1


def _combine(kind: type[And] | type[Or], children: list[Any]) -> tuple[Node, int, int]:
    if len(children) == 1:
        only: tuple[Node, int, int] = children[0]
        return only
    depth = 1 + max(child[2] for child in children)
    if depth > DEPTH:
        raise QueryError(f"a query is nested at most {DEPTH} deep")
    parts: list[Node] = []
    for node, _, _ in children:
        # `(a and b) and c` is one condition of three parts.
        parts.extend(node.parts if isinstance(node, kind) else [node])
    return kind(tuple(parts)), sum(child[1] for child in children), depth


def _comparison(name: Token, operator: Operator, values: list[Any]) -> tuple[Node, int, int]:
    literals = tuple(value for value, _ in values)
    return Comparison(str(name), operator, literals, name.column or 1, values[0][1]), 1, 1


def _literal(token: Token) -> Literal:
    if token.type == "CONSTANT":
        return _CONSTANTS[str(token)]
    if token.type == "STRING":
        return _text(token)
    if str(token).lstrip("+-").isdigit():
        number = int(token)
        if not -_INTEGER <= number < _INTEGER:
            raise QueryError(f"the number {token} has more than 64 bits", token.column)
        return number
    value = float(token)
    if not math.isfinite(value):
        raise QueryError(f"the number {token} is too large", token.column)
    return value


def _text(token: Token) -> str:
    try:
        # Not strict: a text may contain a line break.
        text: str = json.loads(str(token), strict=False)
        text.encode()
    except (ValueError, UnicodeEncodeError) as error:
        raise QueryError(
            'the text has an escape that JSON does not know; write a backslash as "\\\\"', token.column
        ) from error
    return text


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Builder(), propagate_positions=False)


def _syntax_error(text: str, error: UnexpectedInput) -> QueryError:
    """Error message with the unexpected token, its column, and the expected tokens."""
    place = cast("int | None", error.pos_in_stream)
    position = len(text) if place is None or place < 0 else place
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    found = "the end" if ended else repr(_near(text, position))
    names = error.accepts or error.expected if isinstance(error, UnexpectedToken) else ()
    if isinstance(error, UnexpectedCharacters):
        names = error.allowed or ()
    expected = sorted({_WORDS.get(name, f'"{name.lower()}"') for name in names})
    hint = _hint(text, position)
    return QueryError(f"found {found}, expected {' or '.join(expected)}{hint}", (len(text) if ended else position) + 1)


def _near(text: str, position: int) -> str:
    match = _NEAR.match(text, position)
    return match.group() if match else text[position : position + 1]


def _hint(text: str, position: int) -> str:
    word = _near(text, position)
    if word == "'":
        return "; texts stand in double quotes"
    if word == '"':
        return "; this text has no closing quote" if '"' not in text[position + 1 :] else ""
    if word in ("AND", "OR", "NOT", "IN"):
        return f"; write {word.lower()} in lower case"
    if word.capitalize() in _CONSTANTS and word not in _CONSTANTS:
        return f"; write {word.capitalize()}"
    if word == "contains":
        return "; contains is written ~"
    return ""
