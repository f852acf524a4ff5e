"""Version 5: the console's sessions, and the codes that open one once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables."""
    _add("console_session", sa.Column("created_at", sa.BigInteger, nullable=False))
    _add("console_code")


def _add(name: str, *columns: sa.Column[int]) -> None:
    token = sa.ForeignKey("token.digest", ondelete="CASCADE")
    op.create_table(
        name,
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("token_digest", sa.LargeBinary(32), token, nullable=False),
        *columns,
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )
    op.create_index(f"ix_{name}_token_digest", name, ["token_digest"])
