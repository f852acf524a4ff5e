"""Data of a launch: those that it names, a window of the lake's list, or the whole lake."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from datalake_ops.platform.catalog.ordering import MAX_OFFSET
from datalake_ops.platform.http.errors import RefusalError, bad_request
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.store import raw, schema
from datalake_ops.platform.store.rows import LakeRow

_CHUNK = 5000
# The order of the list without `order_by`, in every status and type: that of the SDK's `list_data(offset, limit)`.
_WINDOW = "SELECT id FROM data WHERE lake_key = ? ORDER BY seq DESC LIMIT ? OFFSET ?"


@dataclass(frozen=True)
class LaunchData:
    """Ids of a launch's data, and what of the request named them, by which a repeated launch is known."""

    ids: IdList
    request: dict[str, Any]


def named_data(connection: Connection, lake: LakeRow, ids: IdList) -> LaunchData:
    """Data that a launch names by id.

    Raises:
        RefusalError: 400, there are none; 404, some are not in the lake.
    """
    if not ids:
        raise bad_request("data_ids is empty; a processing needs data to work on.")
    data = schema.data.c
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        known = set(connection.scalars(select(data.id).where(data.lake_key == lake.key, data.id.in_(chunk))).all())
        missing = [str(one) for one in chunk if one not in known]
        if missing:
            raise RefusalError(404, f"{len(missing)} of the data are not in this datalake.", missing[:20])
    # The ids themselves are in the payload.
    digest = hashlib.sha256(b"".join(ids.sorted_bytes())).hexdigest()
    return LaunchData(ids, {"count": len(ids), "sha256": digest})


def window_of_data(connection: Connection, lake: LakeRow, offset: int | None, limit: int | None) -> LaunchData:
    """Data of a window of the lake's list, newest first, of every status and type; the whole lake without bounds.

    A repeated launch asks for the same window, whatever has been added meanwhile.

    Raises:
        RefusalError: 400, the window holds no data.
    """
    rows = raw.execute(connection, _WINDOW, (lake.key, MAX_OFFSET if limit is None else limit, offset or 0))
    ids = IdList.of_packed(row[0] for row in rows)
    if not ids:
        where = f"from offset {offset}" if offset else ""
        raise bad_request(f"The datalake has no data {where}".strip() + "; a processing needs data to work on.")
    return LaunchData(ids, {"offset": offset or 0, "limit": limit})
