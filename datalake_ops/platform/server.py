"""Server process: one per home folder, ready when `server.json` exists."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import uvicorn

from datalake_ops.platform.app import create_app
from datalake_ops.platform.bootstrap import ensure_installation, prepare_home
from datalake_ops.platform.console.addresses import console_address
from datalake_ops.platform.home_lock import HomeInUseError, lock_home
from datalake_ops.platform.http.protocol.cuttable_protocol import CuttableProtocol
from datalake_ops.platform.http.protocol.timeout_protocol import TimeoutProtocol, protocol
from datalake_ops.platform.settings import ServeOptions, Settings
from datalake_ops.platform.store.database import Database, SchemaTooNewError
from datalake_ops.platform.store.disk_space import RESERVE_BYTES, DiskFullError, free_bytes, is_disk_full
from datalake_ops.platform.store.migrations import MigrationError

__all__ = ["CannotServeError", "ServeOptions", "serve"]

# Longer than clients keep connections: with uvicorn's 5 s, closing would race with their next request.
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 10


class CannotServeError(RuntimeError):
    """The server cannot start; the message has the cause and the remedy."""


def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        CannotServeError: the folder cannot be used or is served already, or the address is taken.
    """
    try:
        # From here on files are for this user alone; programs get the mask of before.
        settings = replace(prepare_home(options), program_umask=os.umask(0o077))
    except OSError as error:
        raise CannotServeError(f"The folder {options.home} cannot be used: {error}.") from error
    _check_certificate(options)
    try:
        _serve(options, settings)
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise CannotServeError(f"{_disk_words(settings.home)} Free some, then start again.") from error


def _serve(options: ServeOptions, settings: Settings) -> None:
    with _only_server_of(settings.home), _listen(options) as listener:
        settings = replace(settings, address=_address(options, listener))
        database = _open(settings)
        try:
            token = database.write_sync(
                lambda connection: ensure_installation(connection, settings.token, settings.lakes), essential=True
            )
            if not database.reserve.is_held():
                sys.stderr.write(
                    f"{_disk_words(settings.home)} Until there is more, all but deletes is refused (507).\n"
                )
            _run(options, settings, database, listener, token)
        finally:
            database.close()


def _disk_words(home: Path) -> str:
    return (
        f"The disk of {home} is full: {free_bytes(home) / 1024**2:.1f} MiB are free, {RESERVE_BYTES >> 20} are needed."
    )


def _open(settings: Settings) -> Database:
    try:
        return Database(settings.database, fsync=settings.fsync)
    except (SchemaTooNewError, MigrationError) as error:
        raise CannotServeError(str(error)) from error


def _check_certificate(options: ServeOptions) -> None:
    if (options.certificate is None) != (options.private_key is None):
        raise CannotServeError("HTTPS needs both: give --tls-certificate and --tls-key, or neither.")
    if options.certificate is None or options.private_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certificate, options.private_key)
    except OSError as error:  # Of which ssl.SSLError is one.
        files = f"{options.certificate} and {options.private_key}"
        raise CannotServeError(f"{files} are no certificate and key in PEM form: {error}.") from error


def _run(
    options: ServeOptions, settings: Settings, database: Database, listener: socket.socket, new_token: str | None
) -> None:
    config = uvicorn.Config(
        create_app(settings, database),
        http=protocol(settings.request_seconds, CuttableProtocol if settings.enable_admin else TimeoutProtocol),
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # Behind a proxy, `public_url` is the base of links.
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.private_key,
    )
    note = settings.home / "server.json"
    # Uvicorn raises the signal again once it has stopped; the default action would cut the clean-up short.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        _AnnouncingServer(config, settings, note, new_token, database).run(sockets=[listener])
    finally:
        note.unlink(missing_ok=True)


class _AnnouncingServer(uvicorn.Server):
    """Uvicorn server that announces when it is ready."""

    def __init__(
        self, config: uvicorn.Config, settings: Settings, note: Path, new_token: str | None, database: Database
    ) -> None:
        super().__init__(config)
        self._database = database
        self._settings = settings
        self._note = note
        self._new_token = new_token

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            draft = self._note.with_suffix(".draft")
            draft.write_text(json.dumps({"url": self._settings.address, "pid": os.getpid()}))
            draft.replace(self._note)
            console = await self._console_address()
            sys.stdout.write(_banner(self._settings, self._new_token, console))
            sys.stdout.flush()
            _freeze_gc()

    async def _console_address(self) -> str | None:
        try:
            return await console_address(self._settings, self._database, self._new_token)
        except DiskFullError:
            return None  # The server answers what needs no room; a token still signs in once there is some.


def _freeze_gc() -> None:
    """Exempt loaded objects from garbage collection: scanning them again and again cost a tenth of the time."""
    gc.freeze()
    gc.set_threshold(5000, 20, 20)


@contextmanager
def _only_server_of(home: Path) -> Iterator[None]:
    try:
        with lock_home(home):
            yield
    except HomeInUseError as error:
        raise CannotServeError(str(error)) from error


@contextmanager
def _listen(options: ServeOptions) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # The protocol is given, else asyncio leaves Nagle's algorithm on and every small answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((options.host, options.port))
        except OSError as error:
            raise CannotServeError(
                f"{options.host}:{options.port} cannot be listened on: {error.strerror}. Give another --port."
            ) from error
        listener.set_inheritable(False)
        yield listener
    finally:
        listener.close()


def _address(options: ServeOptions, listener: socket.socket) -> str:
    name = f"[{options.host}]" if ":" in options.host else options.host
    scheme = "https" if options.certificate else "http"
    return f"{scheme}://{name}:{listener.getsockname()[1]}"


def _banner(settings: Settings, new_token: str | None, console: str | None) -> str:
    token = new_token or "<your token>"
    token_line = f"  token    {new_token}   (shown only this once)\n" if new_token else ""
    console_line = f"  console  {console}   (signs in once, within 5 minutes)\n" if console else ""
    return f"""datalake-ops platform is ready
  address  {settings.address}
{console_line}{token_line}  home     {settings.home}
  bucket   {settings.bucket}

from datalake_ops import DatalakeHook
hook = DatalakeHook(host="{settings.address}", api_token="{token}")

"""
