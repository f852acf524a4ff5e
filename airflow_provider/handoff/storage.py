"""Access to files that tasks hand on by address: a path, any fsspec URL, or Airflow's ObjectStoragePath."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from airflow_provider.compat import AirflowNotFoundException, BaseHook
from datalake_ops.errors import ConfigurationError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)://")
# Protocols of the worker's own disk.
_HERE = ("", "file", "local")
_OWN_CONNECTION = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]+://)(?P<conn_id>[^@/:]+)@(?P<rest>.*)", re.DOTALL)
# Keys of a shard's pieces, and attributes of a manifest, that hold an address.
_ADDRESSES = ("path", "folder", "manifest")


@dataclass(frozen=True)
class Storage:
    """Opens addresses; those of a storage with the credentials of an Airflow connection, when one is named.

    An address may name its own, as Airflow writes an `ObjectStoragePath`: `s3://connection@bucket/key`.
    """

    conn_id: str | None = None

    def options_for(self, source: Any) -> dict[str, Any] | None:
        """The fsspec options that open a source: an address, a shard, a manifest, or a list of these.

        None for what lies on this machine; the connection is for other addresses of the task then.
        """
        if self.conn_id is None:
            return None
        scheme = next(_schemes(source), None)
        if scheme is None:
            return None
        return dict(_file_system(scheme, self.conn_id).storage_options)

    @contextmanager
    def reading(self, address: Any) -> Iterator[IO[str]]:
        """Yield the text of a file, line by line."""
        if (path := _local(address)) is not None:
            with path.open(encoding="utf-8") as stream:
                yield stream
            return
        files, remote = self._located(address)
        with files.open(remote, "r", encoding="utf-8") as stream:
            yield stream

    @contextmanager
    def writing(self, address: Any) -> Iterator[Path]:
        """Yield a local path to write to; its content is at the address once the block has ended without an error."""
        if (path := _local(address)) is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{os.getpid()}.{path.name}")
            try:
                yield draft
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
            return
        files, remote = self._located(address)
        with tempfile.TemporaryDirectory(prefix="datalake-ops-") as folder:
            draft = Path(folder) / remote.rpartition("/")[2]
            yield draft
            files.makedirs(remote.rpartition("/")[0], exist_ok=True)
            files.put_file(str(draft), remote)

    def _located(self, address: Any) -> tuple[Any, str]:
        if not isinstance(address, str):
            return address.fs, address.path
        import fsspec

        plain, named = _named_connection(address)
        storage = Storage(named) if named else self
        files, path = fsspec.core.url_to_fs(plain, **(storage.options_for(plain) or {}))
        return files, str(path)


def refuse_options(arguments: Mapping[str, Any]) -> None:
    """Refuse the hook's argument `storage_options`: Airflow writes a task's arguments into its database.

    Raises:
        ConfigurationError: they are among the arguments; the message does not show them.
    """
    # Airflow hands the DAG's and the task's `default_args` on, merged, under this name.
    if "storage_options" in {**(arguments.get("default_args") or {}), **arguments}:
        raise ConfigurationError(
            "Operators take no storage_options, for Airflow would store their secrets with the DAG: keep them in a "
            "connection, and name it by `storage_conn_id`."
        )


def travelling(source: Any) -> tuple[Any, str | None]:
    """A source that other workers can open too, and the Airflow connection that its object storage paths name.

    Raises:
        ConfigurationError: its paths name several connections.
    """
    listed = source if isinstance(source, (list, tuple)) else [source]
    plain = [_plain(one) if _is_object_path(one) else one for one in listed]
    names = {named for one in listed if _is_object_path(one) and (named := _connection_of(one))}
    if len(names) > 1:
        raise ConfigurationError(
            f"One plan uses one connection to a storage, not {sorted(names)}; plan each by itself."
        )
    return plain if isinstance(source, (list, tuple)) else plain[0], next(iter(names), None)


def _schemes(source: Any) -> Iterator[str]:
    if isinstance(source, str):
        # The storage of `zip://*.png::s3://bucket/all.zip` is the last one.
        if found := _URL.match(source.rpartition("::")[2]):
            yield found[1]
    elif isinstance(source, Mapping):
        for piece in source.get("pieces", ()):
            yield from _schemes(next((piece[name] for name in _ADDRESSES if name in piece), ""))
    elif isinstance(source, (list, tuple)):
        for one in source:
            yield from _schemes(one)
    elif not isinstance(source, os.PathLike) and isinstance(path := getattr(source, "path", None), str):
        yield from _schemes(path)


def _named_connection(address: str) -> tuple[str, str | None]:
    """An address without the Airflow connection that it names, and that connection.

    What stands before an `@` may be something else too, such as a user of SFTP or a container of Azure: only a
    connection that Airflow has is taken for one.
    """
    found = _OWN_CONNECTION.match(address)
    if found is None or not _is_connection(found["conn_id"]):
        return address, None
    return f"{found['scheme']}{found['rest']}", found["conn_id"]


def _is_connection(conn_id: str) -> bool:
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return False
    return True


def _file_system(scheme: str, conn_id: str) -> Any:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        return ObjectStoragePath(f"{scheme}://{conn_id}@/").fs
    except ValueError as error:
        raise ConfigurationError(
            f"The connection {conn_id!r} cannot open {scheme}:// ({error}); install the provider of that storage."
        ) from error


def _local(address: Any) -> Path | None:
    if _is_object_path(address):
        return Path(address.path) if address.protocol in _HERE else None
    if isinstance(address, Path):
        return address
    text = str(address).removeprefix("file://")
    return None if _URL.match(text) else Path(text)


def _is_object_path(one: Any) -> bool:
    # On older versions of Airflow it is a `pathlib.Path` too.
    return hasattr(one, "storage_options") and hasattr(one, "protocol")


def _connection_of(path: Any) -> str | None:
    # Older versions of Airflow keep it among the options.
    found: str | None = getattr(path, "conn_id", None) or path.storage_options.get("conn_id")
    return found


def _plain(path: Any) -> str:
    if path.protocol in _HERE:
        return f"file://{path.path}"
    return f"{path.protocol}://{path.path.removeprefix('/')}"
