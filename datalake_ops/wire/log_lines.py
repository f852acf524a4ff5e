"""Lines of logs: names and messages that somebody else chose must not begin lines of their own."""

from __future__ import annotations

# Everything that `str.splitlines` and viewers of logs take for the end of a line.
_BREAKS = str.maketrans(
    {
        "\n": r"\n",
        "\r": r"\r",
        "\v": r"\v",
        "\f": r"\f",
        "\x1c": r"\x1c",
        "\x1d": r"\x1d",
        "\x1e": r"\x1e",
        "\x85": r"\x85",
        "\u2028": r"\u2028",
        "\u2029": r"\u2029",
    }
)


def one_line(text: str) -> str:
    """Return a text with its line breaks written as escapes."""
    return text.translate(_BREAKS)
