"""Tables of the first version, where every migration begins."""

from __future__ import annotations

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: new databases are created in the present form."""
