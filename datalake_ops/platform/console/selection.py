"""Selection of a lake's data by a form: those that are ticked, or all that match the filter of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from sqlalchemy import Connection, select

from datalake_ops.platform.console.forms import Form
from datalake_ops.platform.console.lake_filter import LakeFilter
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.services import services
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.raw import rows_by_keys
from datalake_ops.platform.store.rows import LakeRow

MATCHES_AT_MOST = 100_000
TICKED, MATCHING = "ticked", "matching"
_IDS = "SELECT seq, id FROM data WHERE seq IN (SELECT value FROM json_each(?))"


@dataclass(frozen=True)
class Selection:
    """Chosen ids, and the fields of a form that choose them again."""

    ids: IdList
    scope: str
    filter: LakeFilter

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Fields of a form that makes the same choice."""
        ticked = [("data", str(one)) for one in self.ids] if self.scope == TICKED else []
        return [("scope", self.scope), *self.filter.pairs, *ticked]


async def read_selection(request: Request, lake: LakeRow, form: Form) -> Selection:
    """Read which data a form chooses.

    Raises:
        RefusalError: 400, it chooses none, or more than 100,000 that match.
    """
    filter_ = LakeFilter.of(form.fields)
    if form.get("scope", TICKED) != MATCHING:
        ids = IdList(form.get_ids("data"))
        if not ids:
            raise bad_request("No data are ticked. Go back, tick some, or choose all that match.")
        return Selection(ids, TICKED, filter_)

    def read(connection: Connection) -> IdList:
        matches = filter_.compile(connection, lake).matches
        found = list(connection.scalars(matches.from_driver(matches.key).limit(MATCHES_AT_MOST + 1)))
        return IdList.of_packed(row[1] for row in rows_by_keys(connection, _IDS, found))

    ids = await services(request).database.read(read)
    if not ids:
        raise bad_request("No data match the filter.")
    if len(ids) > MATCHES_AT_MOST:
        raise bad_request(f"More than {MATCHES_AT_MOST:,} data match; narrow the filter, or use the command line.")
    return Selection(ids, MATCHING, filter_)


async def tag_by_name(request: Request, lake: LakeRow, name: str) -> Any:
    """Row of a lake's tag, None if there is none."""
    tags = schema.tag.c
    statement = select(schema.tag).where(tags.lake_key == lake.key, tags.name == name)
    return await services(request).database.read(lambda connection: connection.execute(statement).first())
