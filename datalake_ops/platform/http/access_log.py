"""Access log: one line a request, without query, since signed addresses carry their permission there."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

STANDARD_OUTPUT = "-"


class AccessLog:
    """Log of requests in a file, which may be rotated by renaming it, or on standard output (`-`).

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, target: str) -> None:
        self._handler: logging.Handler = (
            logging.StreamHandler(sys.stdout)
            if target == STANDARD_OUTPUT
            else WatchedFileHandler(Path(target).expanduser().absolute(), encoding="ascii", errors="backslashreplace")
        )

    def write(self, scope: Mapping[str, Any], status: int, size: int, seconds: float) -> None:
        """Write the line of a request: time, client, method, path, status, bytes of the answer, milliseconds."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        client = scope["client"][0] if scope.get("client") else "-"
        # As it was sent: percent-encoded, so that no character of it ends the line.
        path = scope["raw_path"].decode("ascii", "backslashreplace")
        line = f"{moment} {client} {scope['method']} {path} {status} {size} {seconds * 1000:.1f}"
        self._handler.handle(logging.makeLogRecord({"msg": line, "levelno": logging.INFO}))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()
