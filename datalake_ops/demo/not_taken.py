"""Files of the user's own folder that are not in a lake as usable data, with the reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from datalake_ops.demo.photographs import passed_over, why_passed_over


@dataclass(frozen=True)
class NotTaken:
    """File that was not taken, and the reason."""

    name: str
    reason: str


def files_passed_over(images: Path | None) -> list[NotTaken]:
    """The files of the folder that no pipeline was given."""
    return [NotTaken(path.name, why_passed_over(path)) for path in passed_over(images)]


def file_refused(path: Path, said: str | None) -> NotTaken:
    """A file that a pipeline was given, with the platform's reason, else what a check of the file finds."""
    return NotTaken(_original_name(path), (said or _checked(path)).replace(f"{path} ", ""))


def by_reason(files: Iterable[NotTaken]) -> list[tuple[str, list[str]]]:
    """The names of the files by reason, each name once, the most frequent reason first."""
    names: dict[str, list[str]] = {}
    for one in files:
        if one.name not in names.setdefault(one.reason, []):
            names[one.reason].append(one.name)
    return sorted(names.items(), key=lambda pair: -len(pair[1]))


def _checked(path: Path) -> str:
    from datalake_ops.upload.preflight import check

    found = check([str(path)]).findings
    return found[0].detail if found else "was passed over by the import: no image or video that the platform knows"


def _original_name(path: Path) -> str:
    # Prepared files are numbered, so that no two have one name.
    return path.name.partition("-")[2]
