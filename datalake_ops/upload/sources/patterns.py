"""Filter of the files below a folder by patterns over their paths, decided without a disk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from datalake_ops.errors import ConfigurationError
from datalake_ops.wire.media_types import AMBIGUOUS, ending_of, type_of_name

_MAGIC = re.compile(r"[*?\[]")
ANY_DEPTH = "**"


@dataclass(frozen=True)
class PathFilter:
    """Filter by patterns over paths relative to a folder, with `/` between their parts.

    `*`, `?` and `[...]` stay within one part of a path, `**` stands for any number of folders. A pattern without `/`
    is for names at any depth; a `/` in front ties it to the folder itself. A folder that `exclude` matches is left out
    with all that is in it. Without `include`, images and videos are included, by their endings; hidden files never
    are. `glob` is one pattern that has to match besides.

    Raises:
        ConfigurationError: a pattern is invalid.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    glob: str | None = None

    def __post_init__(self) -> None:
        for pattern in (*self.include, *self.exclude, *([] if self.glob is None else [self.glob])):
            _compiled(pattern)

    def includes(self, path: str) -> bool:
        """Return True if a file is included, as far as its path tells."""
        return self._is_wanted(path) and self._is_chosen(path)

    def passes_over(self, path: str) -> bool:
        """Return True if a file is left out only because it is neither an image nor a video by its name."""
        return not self.include and not self._is_wanted(path) and self._is_chosen(path)

    def needs_a_look(self, path: str) -> bool:
        """Return True if only the first bytes of an included file tell whether it is a video."""
        return not self.include and ending_of(path) in AMBIGUOUS

    def _is_wanted(self, path: str) -> bool:
        if self.include:
            return _matches(self.include, path)
        return type_of_name(path) is not None

    def _is_chosen(self, path: str) -> bool:
        if self.exclude and _matches(self.exclude, path):
            return False
        return self.glob is None or _compiled(self.glob).fullmatch(path) is not None

    def enters(self, folder: str) -> bool:
        """Return True if a folder can hold files that are included."""
        if self.exclude and _matches(self.exclude, folder):
            return False
        if self.glob is None or ANY_DEPTH in self.glob:
            return True
        parts, depth = self.glob.strip("/").split("/"), folder.count("/") + 1
        return depth < len(parts) and _compiled("/" + "/".join(parts[:depth])).fullmatch(folder) is not None


def has_magic(path: str, characters: str = "*?[") -> bool:
    """Return True if a path may be a pattern."""
    return any(character in path for character in characters)


def split_at_magic(path: str, separator: str = "/") -> tuple[str, str]:
    """Return the folder before the first part of a path that is a pattern, and the pattern below that folder."""
    parts = path.split(separator)
    first = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
    folder = separator.join(parts[:first])
    # The empty text in front of a leading separator is the root.
    return folder or (separator if first else ""), "/" + "/".join(parts[first:])


def _matches(patterns: Iterable[str], path: str) -> bool:
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    clean = pattern.removesuffix("/")
    anywhere = "/" not in clean
    parts = clean.removeprefix("/").removeprefix("./").split("/")
    text = "".join(_part(part, index == len(parts) - 1) for index, part in enumerate(parts))
    try:
        return re.compile(f"(?:.*/)?{text}" if anywhere else text, re.DOTALL)
    except re.error as error:
        raise ConfigurationError(f"{pattern!r} is no valid pattern: {error.msg}.") from error


def _part(part: str, last: bool) -> str:
    if part == ANY_DEPTH:
        return ".*" if last else "(?:[^/]+/)*"
    return _within_a_part(part) + ("" if last else "/")


def _within_a_part(part: str) -> str:
    text, at = "", 0
    while at < len(part):
        character = part[at]
        at += 1
        end = part.find("]", at + 1 + (part[at : at + 1] == "!")) if character == "[" else -1
        if character == "*":
            text += "[^/]*"
        elif character == "?":
            text += "[^/]"
        elif end > 0:
            inside = part[at:end].replace("\\", r"\\").replace("[", r"\[")
            text += "[^/" + inside[1:] + "]" if inside.startswith("!") else "[" + inside.replace("^", r"\^") + "]"
            at = end + 1
        else:
            text += re.escape(character)
    return text
