"""Normalisers of arguments, one per kind of field: `f(field, value)` returns the value in its one form, None for None.

They are pure and are called before anything is sent. What cannot be meant raises `ArgumentError`, whose text names the
field, shows the value (shortened, secrets hidden) and says what to write.
"""

from datalake_ops.arguments.address import platform_address
from datalake_ops.arguments.identifiers import identifier, identifiers
from datalake_ops.arguments.literals import elements
from datalake_ops.arguments.mappings import mapping
from datalake_ops.arguments.numbers import number, positive_seconds, seconds, whole_number, window
from datalake_ops.arguments.options import OnEmpty, choice, fill, flag, on_changed, on_empty, verification
from datalake_ops.arguments.refusal import refusal, shown
from datalake_ops.arguments.selection import is_choice, is_empty, refuse_empty, require_choice
from datalake_ops.arguments.texts import encodable, name, required_name, text, texts

__all__ = [
    "OnEmpty",
    "choice",
    "elements",
    "encodable",
    "fill",
    "flag",
    "identifier",
    "identifiers",
    "is_choice",
    "is_empty",
    "mapping",
    "name",
    "number",
    "on_changed",
    "on_empty",
    "platform_address",
    "positive_seconds",
    "refusal",
    "refuse_empty",
    "require_choice",
    "required_name",
    "seconds",
    "shown",
    "text",
    "texts",
    "verification",
    "whole_number",
    "window",
]
