"""Folders that workers share: a path, or any fsspec URL."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datalake_ops.upload.reporting.report import UploadReport

# What an upload in shards writes down beside their reports.
NOTE = "upload.json"


class SharedFolder:
    """Small files in a folder that all workers of a run reach; `address` is a path or an fsspec URL.

    Raises:
        ConfigurationError: fsspec, or what it needs for the URL, is not installed.
    """

    def __init__(self, address: str | os.PathLike[str]) -> None:
        from datalake_ops.upload.sources.remote import check_address, is_address, local_path

        text = os.fspath(address)
        self.is_remote = is_address(text)
        self.address = text.rstrip("/") if self.is_remote else local_path(text)
        if self.is_remote:
            check_address(self.address)

    def at(self, name: str) -> str:
        """The address of a file in it."""
        return f"{self.address}/{name}" if self.is_remote else str(Path(self.address) / name)

    def write(self, name: str, text: str) -> None:
        """Write a file, whole or not at all where it is a path."""
        if self.is_remote:
            at = _remote(self.at(name))
            at.ask(lambda: at.fs.pipe_file(at.path, text.encode()))
            return
        target = Path(self.at(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{name}.{os.getpid()}.part")
        draft.write_text(text)
        draft.replace(target)

    def read(self, name: str) -> str | None:
        """A file's text; None when it is not there."""
        if not self.is_remote:
            path = Path(self.at(name))
            return path.read_text() if path.is_file() else None
        at = _remote(self.at(name))
        found: bool = at.ask(lambda: at.fs.exists(at.path))
        return bytes(at.ask(lambda: at.fs.cat_file(at.path))).decode() if found else None

    def names(self) -> list[str]:
        """The names of what is in it, sorted."""
        if not self.is_remote:
            folder = Path(self.address)
            return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        at = _remote(self.address)
        listed: list[str] = at.ask(lambda: at.fs.ls(at.path, detail=False) if at.fs.exists(at.path) else [])
        return sorted(path.rstrip("/").rpartition("/")[2] for path in listed)


def save_report(report: UploadReport, address: str | os.PathLike[str]) -> str:
    """Write a report's rows to a path or an fsspec URL, as JSON lines or Parquet, and return the address."""
    folder, _, name = os.fspath(address).rpartition("/")
    if not SharedFolder(folder).is_remote:
        return str(report.save(address))
    with tempfile.TemporaryDirectory(prefix="datalake-report-") as local:
        path = report.save(Path(local) / name)
        at = _remote(os.fspath(address))
        at.ask(lambda: at.fs.put_file(str(path), at.path))
    return os.fspath(address)


def write_manifest(address: str | os.PathLike[str], files: Iterable[str | Mapping[str, Any]]) -> str:
    """Write a manifest, one JSON line per file, and return its address, for a flow to take in place of a long list.

    Args:
        address: a path or an fsspec URL that the workers reach; its name ends with `.jsonl`.
        files: paths, or mappings with `path` and any of `metadata`, `custom_metadata`, `tags`, `source` and `size`.
    """
    folder, _, name = os.fspath(address).rpartition("/")
    rows = ({"path": one} if isinstance(one, str) else dict(one) for one in files)
    SharedFolder(folder or ".").write(name, "".join(json.dumps(row) + "\n" for row in rows))
    return os.fspath(address)


def _remote(address: str) -> Any:
    from datalake_ops.upload.sources.remote import remote_path

    return remote_path(address)
