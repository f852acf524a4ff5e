"""Kinds of operator fields: normalisers, and the meaning of a wired value that came out empty."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

from datalake_ops import arguments
from datalake_ops.arguments.literals import parsed
from datalake_ops.errors import NoDataError

Normaliser = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Field:
    """Kind of an operator's field.

    Args:
        normalise: Brings a value to the field's one form; raises `ArgumentError` for a value of another kind.
        empty: The value of a choice of data that was given and is empty; None for fields that choose no data.
        is_required: A wired value that came out empty leaves the task nothing to do.
        is_decisive: A wired value that came out empty is refused, for the default would choose other data or another
            place.
        whole: The value that stands for everything where the DAG file has it; wired, it came out empty.
        is_text: Render a template as text also where the DAG renders native objects.
        is_json: Airflow's page shows the rendered value as JSON.
        is_templated: The field is one of the operator's template fields.
    """

    normalise: Normaliser
    empty: Any = None
    is_required: bool = False
    is_decisive: bool = False
    whole: Any = None
    is_text: bool = False
    is_json: bool = False
    is_templated: bool = True

    def read(self, name: str, value: Any, is_wired: bool, default: Any) -> Any:
        """Return the normalised value.

        Raises:
            ArgumentError: the value is not what the field takes.
            NoDataError: a required value came out empty.
        """
        came_out_empty = is_wired and is_nothing(value)
        is_empty = came_out_empty or (arguments.is_empty(value) and not self._is_whole(value, is_wired))
        if self.is_required and is_empty:
            raise NoDataError(f"`{name}` is {arguments.shown(value)}: there is nothing to do.")
        if self.empty is not None and is_empty:
            # A new list each time, for a task may change its own.
            return type(self.empty)()
        if came_out_empty and self.is_decisive:
            raise arguments.refusal(name, value, "it came out empty. Write a value, or leave the argument out.")
        if came_out_empty:
            return default
        found = self.normalise(name, value)
        if self.is_required and arguments.is_empty(found) and not self._is_whole(found, is_wired):
            raise NoDataError(f"`{name}` is empty: there is nothing to do.")
        return found

    def _is_whole(self, value: Any, is_wired: bool) -> bool:
        return self.whole is not None and value == self.whole and not is_wired


def is_nothing(value: Any) -> bool:
    """Return True if a rendered value is no value: None, the text "None", blank text, or an empty collection."""
    return value is None or (isinstance(value, str) and value.strip() == "None") or arguments.is_empty(value)


def without_nothing(template: Any, rendered: Any) -> Any:
    """Return a rendered value with None in the place of each text in it that a template rendered as "None"."""
    if isinstance(template, str):
        is_none = template != rendered and isinstance(rendered, str) and rendered.strip() == "None"
        return None if is_none else rendered
    if isinstance(template, Mapping) and isinstance(rendered, Mapping) and len(template) == len(rendered):
        pairs = zip(template.values(), rendered.items(), strict=True)
        return {key: without_nothing(before, after) for before, (key, after) in pairs}
    if isinstance(template, (list, tuple)) and isinstance(rendered, (list, tuple)) and len(template) == len(rendered):
        return [without_nothing(before, after) for before, after in zip(template, rendered, strict=True)]
    return rendered


def ids_or_addresses(name: str, value: Any) -> Any:
    """Ids of data as a list of texts, or the address of a file with them; lists of addresses stay lists.

    Raises:
        ArgumentError: an element is neither.
    """
    if value is None or (not isinstance(value, (str, bytes)) and hasattr(value, "open")):
        return value
    if isinstance(value, str) and isinstance(parsed(value), str) and not arguments.is_empty(value):
        # A UUID, or the address of a file.
        return value.strip()
    found = [one for one in arguments.elements(value) if one is not None]
    if any(_is_address(one) for one in found):
        return [one.strip() if _is_address(one) else str(arguments.identifier(name, one)) for one in found]
    return [str(one) for one in arguments.identifiers(name, value) or []]


def address(name: str, value: Any) -> Any:
    """The address of a file or folder: a path, an fsspec URL, or Airflow's ObjectStoragePath.

    Raises:
        ArgumentError: it is something else.
    """
    if value is None or hasattr(value, "open") or hasattr(value, "storage_options"):
        return value
    return arguments.text(name, value)


def mapping_or_address(name: str, value: Any) -> Any:
    """A mapping, also in text form; or the address of a file."""
    if isinstance(value, str) and isinstance(parsed(value), str):
        return value
    return value if _is_file(value) else arguments.mapping(name, value)


def names_or_mapping_or_address(name: str, value: Any) -> Any:
    """Names, a mapping of names to fields, both also in text form; or the address of a file."""
    found = parsed(value) if isinstance(value, str) else value
    if value is None or isinstance(found, str) or _is_file(found):
        return found
    return arguments.mapping(name, found) if isinstance(found, Mapping) else arguments.texts(name, found)


def sources(name: str, value: Any) -> Any:
    """Sources of an upload: one or many, also as a list in text form; lists of mapped tasks are joined."""
    if isinstance(value, str):
        found = parsed(value)
        if isinstance(found, str):
            return [] if arguments.is_empty(found) else found
        value = found
    if value is None or _is_file(value) or isinstance(value, Mapping) or not _is_many(value):
        return arguments.text(name, value) if isinstance(value, (int, float, date, timedelta)) else value
    listed = [one for item in value for one in (item if _is_many(item) else [item])]
    return [one for one in listed if one is not None]


def mapping_or_list(name: str, value: Any) -> Any:
    """One mapping for all, or a list with a mapping or None for each; both also in text form."""
    found = parsed(value) if isinstance(value, str) else value
    if not _is_many(found):
        return arguments.mapping(name, found)
    return [arguments.mapping(name, one) for one in found]


def mappings(name: str, value: Any, allow_none: bool = True) -> Any:
    """A list of mappings, also in text form; one mapping is a list of one.

    None among them is left out; without `allow_none` it is refused.
    """
    if value is None:
        return None
    found = parsed(value) if isinstance(value, str) else value
    if isinstance(found, str) and arguments.is_empty(found):
        return []
    listed = found if _is_many(found) else [found]
    if not allow_none and any(one is None for one in listed):
        raise arguments.refusal(name, value, "one of its elements is None. Leave it out.")
    return [arguments.mapping(name, one) for one in listed if one is not None]


def job_ids(name: str, value: Any) -> list[str]:
    """Ids of jobs, from one or many, in the order given.

    Raises:
        ArgumentError: an element is no UUID.
    """
    return [str(one) for one in arguments.identifiers(name, value) or []]


def static_flag(name: str, value: Any, default: bool) -> bool:
    """A flag that is read with the DAG file, in the forms of `arguments.flag`; `default` for None.

    Raises:
        ArgumentError: it is neither true nor false; a template is none, for it is not rendered.
    """
    found = arguments.flag(name, value)
    return default if found is None else found


def whole(at_least: int, **kwargs: Any) -> Field:
    """Field of a whole number of at least so much."""
    return Field(partial(arguments.whole_number, at_least=at_least), **kwargs)


def option(*words: str) -> Field:
    """Field of one of several words."""
    return Field(partial(arguments.choice, options=words), is_text=True)


def _is_many(value: Any) -> bool:
    # Airflow's results of mapped tasks are lazy sequences.
    return isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (str, bytes))


def _is_file(value: Any) -> bool:
    return isinstance(value, os.PathLike) or hasattr(value, "open")


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and ("/" in value or "." in value)


TEXT = Field(arguments.text, is_text=True)
TEXTS = Field(arguments.texts, is_text=True)
MAPPING = Field(arguments.mapping, is_json=True)
NUMBER = Field(partial(arguments.number, at_least=0))
SECONDS = Field(arguments.seconds)
POSITIVE_SECONDS = Field(arguments.positive_seconds)
FLAG = Field(arguments.flag)
DECISIVE_FLAG = Field(arguments.flag, is_decisive=True)
CONNECTION = Field(arguments.text, is_decisive=True, is_text=True)
FILL = Field(arguments.fill)
ADDRESS = Field(address, is_text=True)
SOURCES = Field(sources, is_text=True)
NAME = Field(arguments.name, is_text=True)
REQUIRED_NAME = Field(arguments.name, is_required=True, is_text=True)
REQUIRED_TEXT = Field(arguments.text, is_required=True, is_text=True)
REQUIRED_ADDRESS = Field(address, is_required=True, is_text=True)
CHOSEN_TEXT = Field(arguments.text, empty="", is_text=True)
CHOSEN_TEXTS = Field(arguments.texts, empty=[], is_text=True)
CHOSEN_MAPPING = Field(arguments.mapping, empty={}, is_json=True)
CHOSEN_IDS = Field(ids_or_addresses, empty=[])
