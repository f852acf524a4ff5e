"""Import from a lake's bucket: its folders to look into and tick, and the job that takes them up."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from datalake_ops.platform.catalog.tags_and_sources import source_key, tag_keys, validate_name
from datalake_ops.platform.console.forms import Form, read_form
from datalake_ops.platform.console.rendering import page, see_other
from datalake_ops.platform.console.routing import PageRoute, require_lake, require_session
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.jobs.job_table import JobKeys, NewJob
from datalake_ops.platform.jobs.service import jobs_of
from datalake_ops.platform.objects.bucket import check_prefix
from datalake_ops.platform.objects.names import BadNameError
from datalake_ops.platform.services import services
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.types import parse_id
from datalake_ops.wire.jobs import JobKind, OnChanged

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_HERE = "/{organization:uuid}/datalake/{datalake:uuid}/imports"
# Entries of a folder that a page shows.
_SHOWN = 1000
_MOST_TICKED = 1000
_CHANGED = {
    OnChanged.SKIP: "skip them, and say how many",
    OnChanged.UPDATE: "update their data",
    OnChanged.NEW: "add them as new data",
}


@router.get(_HERE)
async def browse(request: Request, organization: UUID, datalake: UUID, folder: str = "") -> Response:
    """Show what lies in a folder of the bucket."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    inside = _checked(folder)
    if inside and not inside.endswith("/"):
        inside += "/"
    store = services(request).objects
    entries, more = await asyncio.to_thread(store.list_bucket, lake.connector_id, inside, _SHOWN)
    parents = inside.split("/")[:-1]
    return page(
        request,
        "imports.html",
        session,
        lake=lake,
        folder=inside,
        parents=[("/".join(parents[: n + 1]) + "/", name) for n, name in enumerate(parents)],
        entries=[(name, name[len(inside) :], size) for name, size in entries],
        more=more,
        shown=_SHOWN,
        changed=[(word.value, words) for word, words in _CHANGED.items()],
        # The same form sent twice starts one job.
        key=uuid4().hex,
    )


@router.post(_HERE)
async def start(request: Request, organization: UUID, datalake: UUID) -> Response:
    """Start the import of what was ticked, and open its job."""
    session = await require_session(request)
    lake = await require_lake(request, session, datalake)
    form = await read_form(request, session.id)
    wanted = await services(request).database.write(lambda connection: _request(connection, lake, form))
    keys = JobKeys(
        f"console-{parse_id(form.get('key')) or uuid4()}", {"orchestrator": "console", "user": session.username}
    )
    new = NewJob(session.organization_id, session.user_id, lake.key, JobKind.IMPORT, wanted, keys)
    row = await jobs_of(request).start_import(new)
    return see_other(request, f"/{organization}/jobs/{row.id}", "The import was started.")


def _request(connection: Connection, lake: LakeRow, form: Form) -> dict[str, Any]:
    """The request of the job: ticked names are prefixes, and the whole bucket only where its own box is ticked."""
    ticked = [_checked(name) for name in form.get_all("prefix")]
    if form.get("everything") == "yes":
        ticked = [""]
    elif not ticked or not all(ticked):
        raise bad_request("Nothing was ticked. Tick folders or objects, or the whole bucket.")
    if len(ticked) > _MOST_TICKED:
        raise bad_request(f"At most {_MOST_TICKED} folders and objects are imported at once; tick their folder.")
    on_changed = form.get("on_changed", OnChanged.SKIP.value)
    if on_changed not in [word.value for word in OnChanged]:
        raise bad_request(f"on_changed {on_changed!r} is not known.")
    names = [validate_name(name, "tag") for part in form.get("tags").split(",") if (name := part.strip())]
    source = form.get("source").strip()
    return {
        "prefixes": ticked,
        "tag_keys": [*tag_keys(connection, lake, names).values()],
        "source_key": source_key(connection, lake.organization_id, validate_name(source, "source")) if source else None,
        "on_changed": on_changed,
        "fill_metadata": "full" if form.get("full") == "yes" else None,
    }


def _checked(name: str) -> str:
    try:
        return check_prefix(name)
    except BadNameError as error:
        raise bad_request(str(error)) from error
