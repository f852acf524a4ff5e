"""Style sheet and scripts of the console; the address of each has a digest of its content, so that it is kept."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from datalake_ops.platform.http.errors import not_found

_FOLDER = Path(__file__).parent / "static"
_FILES = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.is_file()}
_DIGESTS = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in _FILES.items()}
_KEPT = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


def static_address(name: str) -> str:
    """Address of a file; KeyError if there is none of this name."""
    return f"/static/{_DIGESTS[name]}/{name}"


@router.get("/static/{digest}/{name}")
async def read_file(digest: str, name: str, request: Request) -> Response:
    """Send a file; an address of an earlier version leads to the present one."""
    content = _FILES.get(name)
    if content is None:
        raise not_found(f"File {name}")
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kept = _KEPT if digest == _DIGESTS[name] else "no-cache"
    headers = {"Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=media_type, headers=headers)
