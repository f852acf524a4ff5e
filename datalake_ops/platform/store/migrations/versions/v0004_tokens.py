"""Version 4: tokens have a name, an expiry, a last use and an admin's right."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Until then the server made lasting tokens in the first organization only, and every token was an admin's.
_FIRST_ARE_ADMIN = """
    UPDATE token SET is_admin = 1 WHERE job_id IS NULL
    AND organization_id = (SELECT id FROM organization ORDER BY created_at LIMIT 1)
"""


def upgrade() -> None:
    """Add the columns."""
    op.add_column("token", sa.Column("name", sa.String))
    op.add_column("token", sa.Column("is_admin", sa.Boolean, nullable=False, server_default=sa.text("0")))
    op.add_column("token", sa.Column("expires_at", sa.BigInteger))
    op.add_column("token", sa.Column("last_used_at", sa.BigInteger))
    op.execute(_FIRST_ARE_ADMIN)
