"""Version 6: the commands that run in place of docker images, changed while the server runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "program",
        sa.Column("image", sa.String, primary_key=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
