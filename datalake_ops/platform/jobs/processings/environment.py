"""Environment variables of a job's program, with a token of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from datalake_ops.platform.child_environment import inherited_environment
from datalake_ops.platform.services import Services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.tokens import Principal, add_token, new_token


def program_environment(services: Services, row: Row[Any], gpus: Sequence[int] | None) -> dict[str, str]:
    """Environment of a job's program: the connection of the job, and of the server's variables those of an allow-list.

    `--program-env` adds to the allow-list. `gpus` are the indexes of its GPUs, None on a machine without any.
    """
    token = new_token()
    name = services.database.write_sync(lambda connection: _add_token(connection, row, token))
    environment = inherited_environment(services.settings.program_env)
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, gpus))
    return {
        **environment,
        # Lines reach the log when they are printed, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        "api_token": token,
        "organization_id": str(row.organization_id),
        "organization_name": name,
        "job_id": str(row.id),
        "host": services.settings.program_address,
    }


def _add_token(connection: Connection, row: Row[Any], token: str) -> str:
    user = connection.execute(select(schema.user.c.username).where(schema.user.c.id == row.user_id)).scalar_one()
    add_token(connection, token, Principal(row.organization_id, row.user_id, user, row.id))
    organization = schema.organization.c
    return str(connection.execute(select(organization.name).where(organization.id == row.organization_id)).scalar_one())
