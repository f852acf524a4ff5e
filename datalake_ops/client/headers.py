"""Headers of every API call."""

from __future__ import annotations

from uuid import UUID

from datalake_ops.config import Connection
from datalake_ops.version import __version__


def api_headers(connection: Connection, organization_id: UUID | None) -> dict[str, str]:
    """The token, who we are, and the organization once it is known; presigned addresses get none of them."""
    headers = {
        "Authorization": f"Bearer {connection.api_token}",
        # On every method, also without a body: the official SDK does so.
        "Content-type": "application/json",
        "User-Agent": f"datalake-ops/{__version__}",
    }
    if organization_id is not None:
        headers["X-Picsellia-Organization"] = str(organization_id)
    return headers
