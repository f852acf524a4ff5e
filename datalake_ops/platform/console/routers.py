"""Routers of the console, in the order in which their routes are tried."""

from __future__ import annotations

from datalake_ops.platform.console import static_files
from datalake_ops.platform.console.pages import (
    changes,
    data,
    home,
    imports,
    jobs,
    lake,
    launch,
    not_found,
    pictures,
    sign_in,
    tokens,
    upload,
    upload_script,
)

CONSOLE_ROUTERS = (
    static_files.router,
    sign_in.router,
    home.router,
    lake.router,
    changes.router,
    launch.router,
    imports.router,
    upload.router,
    upload_script.router,
    data.router,
    jobs.router,
    tokens.router,
    pictures.router,
    # The last: it takes every address below an organization.
    not_found.router,
)
