"""Selection of data: by ids, or by filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.errors import ArgumentError, NoDataError

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook

# Arguments that choose data; see `datalake_task`.
CHOOSES = ("data", "tags", "q", "limit")


def check_selection(verb: str, data: Any, filters: Mapping[str, Any], everything: bool = False) -> dict[str, Any]:
    """Return ids (as `ids`) or filters of `list_data` in their one form, checked before anything is sent.

    Raises:
        ArgumentError: ids and filters were given, or neither and not `everything`, or a value is not of its field.
        NoDataError: no ids are left.
    """
    intersect = bool(arguments.flag("intersect_tags", filters["intersect_tags"]))
    choice = {
        "tags": arguments.texts("tags", filters["tags"]),
        "q": arguments.text("q", filters["q"]),
        "limit": arguments.whole_number("limit", filters["limit"], at_least=1),
    }
    choice = {name: value for name, value in choice.items() if value is not None}
    given = ["data"] * (data is not None) + [*choice] + ["everything"] * bool(arguments.flag("everything", everything))
    names = ", ".join(filters)
    if not given:
        raise ArgumentError(f"{verb} needs its data: ids as `data`, or one of {names}; everything=True takes all data.")
    if len(given) > 1 and ("data" in given or "everything" in given):
        raise ArgumentError(
            f"{verb} takes data, or filters ({names}), or everything=True; {' and '.join(given)} were given."
        )
    if data is None:
        return {**choice, "intersect_tags": intersect}
    ids = arguments.identifiers("data", data) or []
    if not ids:
        raise NoDataError(f"{verb} was given no data: there is nothing to do.")
    return {"ids": ids}


def chosen_ids(hook: DatalakeHook, selection: Mapping[str, Any]) -> list[str]:
    """Return the ids of a selection, or of the data that its filters find now.

    Raises:
        NoDataError: nothing matches.
    """
    ids = selection["ids"] if "ids" in selection else hook.list_data(**selection).ids
    return [str(one) for one in ids]
