"""Health check, and a page that lists the routes."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from datalake_ops.platform.handlers.answers import Health
from datalake_ops.platform.http.errors import json_response
from datalake_ops.platform.services import services

router = APIRouter(tags=["server"])

# FastAPI's own page loads its scripts from another host; this one is self-contained.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>datalake-ops platform</title><style>
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c2733}
details{border:1px solid #d5dde5;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer;font-family:ui-monospace,monospace}
b{display:inline-block;width:4.5rem;color:#0b6}pre{overflow:auto;background:#f5f7f9;padding:.6rem}
</style></head><body><h1>datalake-ops platform</h1>
<p>Every route, from <a href="/openapi.json">openapi.json</a>. <code>XGET</code> on
<code>/api/datalake/{datalake}/datas</code> lists data by ids, file names or object names.</p><main></main><script>
const line=(tag,text)=>{const e=document.createElement(tag);e.textContent=text;return e};
fetch('/openapi.json').then(r=>r.json()).then(doc=>{
 for(const [path,methods] of Object.entries(doc.paths))for(const [method,route] of Object.entries(methods)){
  const box=document.createElement('details'),head=document.createElement('summary');
  head.append(line('b',method.toUpperCase()),path);box.append(head,line('p',route.description||route.summary||''));
  if(route.parameters)box.append(line('pre',route.parameters.map(p=>p.in+'  '+p.name).join('\\n')));
  if(route.requestBody)box.append(line('pre',JSON.stringify(route.requestBody,null,1)));
  document.querySelector('main').append(box)}});
</script></body></html>"""


@router.get("/health", response_model=Health)
async def health(request: Request) -> Response:
    """Check that the database can be read."""
    await services(request).database.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar())
    return json_response({"status": "ok"})


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    """Page that lists the routes."""
    return HTMLResponse(_PAGE)
