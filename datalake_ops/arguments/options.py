"""Options: one word of several, and yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from datalake_ops.arguments.refusal import refusal
from datalake_ops.errors import ArgumentError

if TYPE_CHECKING:
    from datalake_ops.wire.jobs import OnChanged

OnEmpty: TypeAlias = Literal["skip", "succeed", "fail"]
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
# Not imported: what the wire has beside it would make `import datalake_ops.arguments` slow.
_ALL_OF_EXIF = "full"


def flag(field: str, value: Any) -> bool | None:
    """True or False; also the words true, yes, on, 1 and false, no, off, 0 in any case.

    Raises:
        ArgumentError: it is none of these. A blank text is none: empty text would count as False.
    """
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word not in _TRUE + _FALSE:
        raise refusal(field, value, "write true or false.")
    return word in _TRUE


def verification(field: str, value: Any) -> bool | str:
    """Check of TLS certificates: True or False as in `flag`, or the path of a CA bundle.

    Raises:
        ArgumentError: it is none of these. A blank text is none.
    """
    if isinstance(value, str) and value.strip() and value.strip().lower() not in _TRUE + _FALSE:
        return value
    found = flag(field, None if isinstance(value, int) and not isinstance(value, bool) else value)
    if found is None:
        raise refusal(field, value, "write true, false or the path of a CA bundle.")
    return found


def fill(field: str, value: Any) -> bool | str | None:
    """Reading of EXIF into metadata: True or False as in `flag`, or "full".

    Raises:
        ArgumentError: it is none of these.
    """
    if isinstance(value, str) and value.strip().lower() == _ALL_OF_EXIF:
        return _ALL_OF_EXIF
    try:
        return flag(field, value)
    except ArgumentError as error:
        raise refusal(field, value, "write true, false or full.") from error


def choice(field: str, value: Any, options: Sequence[str]) -> str | None:
    """One of the options, with blanks around it removed.

    Raises:
        ArgumentError: it is none of them; the text lists them, and names the one that is meant perhaps.
    """
    if value is None:
        return None
    word = str.__str__(value).strip() if isinstance(value, str) else None
    if word in options:
        return word
    *most, last = (repr(option) for option in options)
    close = get_close_matches(word.lower(), options, 1) if word else []
    hint = f" Perhaps {close[0]!r} is meant." if close else ""
    raise refusal(field, value, f"write {' or '.join([', '.join(most), last] if most else [last])}.{hint}")


def on_empty(value: Any) -> OnEmpty:
    """End of a task that has nothing to do: skip it, let it succeed with an empty result, or fail it.

    Raises:
        ArgumentError: it is none of the three words.
    """
    words = ("skip", "succeed", "fail")
    if value is None:
        raise refusal("on_empty", value, "write 'skip', 'succeed' or 'fail'.")
    return cast("OnEmpty", choice("on_empty", value, words))


def on_changed(value: Any) -> OnChanged:
    """Treatment of objects that were overwritten in the bucket since their import; None skips them.

    Raises:
        ArgumentError: it is none of the words.
    """
    # Not loaded when a DAG file is parsed.
    from datalake_ops.wire.jobs import OnChanged

    return OnChanged(choice("on_changed", value, [word.value for word in OnChanged]) or OnChanged.SKIP)
