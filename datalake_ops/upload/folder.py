"""From folders and patterns to the files in them, for callers that name places instead of files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from datalake_ops.errors import InvalidFileError
from datalake_ops.upload.plan import content_type
from datalake_ops.upload.request import FilePath


def files_of(paths: FilePath | Iterable[FilePath]) -> list[str]:
    """The files that paths stand for: a file is itself, a folder or a pattern is its images and videos, sorted.

    Folders are searched through and through; hidden files are left out, and so is what is neither image nor video, as
    the platform does when it imports from a bucket. A pattern has `*`, `?`, `[...]` or `**`. Files that are named are
    never left out, also not when they are missing: the upload tells.

    Raises:
        InvalidFileError: a folder or a pattern stands for no image or video.
    """
    given = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    return [file for path in given for file in _files_of(os.fspath(path))]


def _files_of(path: str) -> list[str]:
    if Path(path).is_dir():
        pattern = str(Path(glob.escape(path), "**", "*"))
    elif glob.has_magic(path) and not Path(path).exists():
        pattern = path
    else:
        return [path]
    # Unlike Path.glob, this takes absolute patterns and leaves out what is hidden.
    found = glob.iglob(pattern, recursive=True)  # noqa: PTH207
    files = sorted(file for file in found if _is_shown(Path(file)))
    if not files:
        raise InvalidFileError(f"{path} holds no image or video.", path)
    return files


def _is_shown(file: Path) -> bool:
    return content_type(file.name).split("/")[0] in ("image", "video") and file.is_file()
