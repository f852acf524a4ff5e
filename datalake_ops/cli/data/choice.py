"""Arguments that choose data, the same in every command, and the data that they choose."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from datalake_ops.arguments import identifiers, is_choice, is_empty, refusal
from datalake_ops.cli.key_values import json_or_text, named_texts, named_values
from datalake_ops.errors import ArgumentError, ConfigurationError
from datalake_ops.query import both, quote

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.data import Data

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Options by the names of the hook's filters.
_OPTIONS = {
    "tags": "--tag",
    "q": "--q",
    "ids": "--id",
    "filenames": "--filename",
    "object_names": "--object-name",
    "custom_metadata": "--custom-metadata",
    "limit": "--limit",
}


def add_tags(command: argparse._ActionsContainer, meaning: str) -> None:
    """Add the two spellings of tags: many at once, or one at a time."""
    command.add_argument("--tags", nargs="+", action="extend", metavar="NAME", help=meaning)
    command.add_argument("--tag", action="append", dest="tags", metavar="NAME", help="one tag; repeatable")


def add_choice(command: argparse.ArgumentParser) -> None:
    """Add the arguments that choose data; those of different kinds narrow each other."""
    group = command.add_argument_group("choice of data")
    add_tags(group, "data with one of these tags")
    group.add_argument("--all-tags", action="store_true", help="data must have every tag, not only one of them")
    what = 'query language, like width > 1000 and tags.name = "car"'
    group.add_argument("-q", "--q", "--query", dest="query", metavar="TEXT", help=what)
    group.add_argument("--id", action="append", metavar="ID", help="this data; repeatable")
    group.add_argument("--filename", action="append", metavar="NAME", help="data of this file name; repeatable")
    group.add_argument("--object-name", action="append", metavar="NAME", help="data of this object; repeatable")
    group.add_argument("--source", action="append", metavar="NAME", help="data from this source; repeatable")
    what = "data with this value in the metadata; repeatable"
    group.add_argument("--metadata", action="append", metavar="KEY=VALUE", help=what)
    what = "data with this value in the custom metadata, JSON or plain text; repeatable"
    group.add_argument("--custom-metadata", action="append", metavar="KEY=VALUE", help=what)
    group.add_argument("--limit", type=int, metavar="N", help="at most N data")
    group.add_argument("--offset", type=int, metavar="N", help="pass over the first N data")
    what = "order, -FIELD for descending; repeatable"
    group.add_argument("--order-by", action="append", metavar="FIELD", help=what)
    group.add_argument("--everything", action="store_true", help="all data of the lake")


def filters_from(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the filters as `iter_data` takes them.

    Raises:
        ConfigurationError: a filter cannot be meant, or filters stand beside `--everything`.
    """
    filters = {
        "q": _query(arguments),
        "tags": arguments.tags,
        "intersect_tags": arguments.all_tags,
        "ids": arguments.id,
        "filenames": arguments.filename,
        "object_names": arguments.object_name,
        "custom_metadata": named_values("--custom-metadata", arguments.custom_metadata),
        "limit": arguments.limit,
        "offset": arguments.offset,
        "order_by": arguments.order_by,
    }
    if arguments.everything and is_choice(filters):
        raise ArgumentError("Give a choice of data or --everything, not both.", field="everything")
    return filters


def required_filters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the filters of a command that changes, launches, downloads or deletes, which was told what to work on.

    Raises:
        ConfigurationError: neither a choice of data nor `--everything` was given, both were, or a filter is empty.
    """
    filters = filters_from(arguments)
    if not arguments.everything and not is_choice(filters):
        options = ", ".join(["--source", "--metadata", *_OPTIONS.values()])
        raise ArgumentError(f"Choose the data ({options}), or take the whole lake with --everything.")
    for name, value in filters.items():
        # Blanks come of a shell's variables that are not set.
        if is_empty(value) or (isinstance(value, list) and any(is_empty(one) for one in value)):
            raise refusal(_OPTIONS.get(name, name), value, "it is empty and chooses no data.")
    return filters


def chosen_data(hook: DatalakeHook, filters: dict[str, Any]) -> list[Data]:
    """Return the chosen data; where nothing but ids was given, one that is not there is an error.

    Raises:
        NoDataError: nothing matches.
        NotFoundError: there is no data of an id.
    """
    ids = identifiers("--id", filters["ids"])
    others = {name for name, value in filters.items() if value not in (None, False)} - {"ids", "order_by"}
    if ids is None or others:
        return list(hook.list_data(**filters))
    found = list(hook.iter_data(**filters))
    known = {data.id for data in found}
    return found + [hook.get_data(one) for one in ids if one not in known]


def _query(arguments: argparse.Namespace) -> str | None:
    sources = arguments.source
    if is_empty(arguments.query) or (sources is not None and any(is_empty(one) for one in sources)):
        # Given and empty matches nothing, whatever stands beside it.
        return ""
    wanted = f"data_source.name in ({','.join(map(quote, sources))})" if sources else None
    text = both(arguments.query, wanted)
    for key, value in (named_texts("--metadata", arguments.metadata) or {}).items():
        text = both(text, _metadata_query(key, value))
    return text or None


def _metadata_query(key: str, text: str) -> str:
    from datalake_ops.wire.data import METADATA_FLOATS

    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            f"--metadata {key!r} is no key of metadata; write --custom-metadata for your own keys."
        )
    value = json_or_text(text)
    if key not in METADATA_FLOATS:
        return f"metadata.{key} = {quote(value if isinstance(value, str) else text)}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"--metadata {key} is a number, not {text!r}.")
    return f"metadata.{key} = {value}"
