"""Client of the platform's admin routes: faults, withheld extensions, the journal of requests, further lakes."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

_ANSWER_SECONDS = 120.0


class PlatformAdmin:
    """Admin routes (`--enable-admin`) of the platform at `url`, called with its `token`."""

    url: str
    token: str

    def script_fault(
        self,
        method: str,
        path_regex: str,
        *,
        status: int | None = None,
        drop: bool = False,
        drop_before: bool = False,
        delay: float | None = None,
        after: int = 0,
        count: int = 1,
        retry_after: float | None = None,
    ) -> str:
        """Make the next requests that match fail, and return the fault's id.

        `method` "*" means any; `path_regex` is searched in the path. The first `after` matching requests pass, the next
        `count` meet the fault: an answer of `status` without doing the work, a connection cut after the work (`drop`)
        or before it (`drop_before`), or a `delay` in seconds before the work. `retry_after` (seconds) goes with
        `status`.
        """
        rule = {
            "method": method,
            "path": path_regex,
            "status": status,
            "drop": drop,
            "drop_before": drop_before,
            "delay": delay,
            "after": after,
            "count": count,
            "retry_after": retry_after,
        }
        return str(self.admin("POST", "/_admin/faults", rule)["id"])

    def faults_met(self, fault_id: str | None = None) -> int:
        """Number of times that a fault was met; of all faults together without an id."""
        faults = self.admin("GET", "/_admin/faults")["items"]
        return sum(fault["met"] for fault in faults if fault_id in (None, fault["id"]))

    def clear_faults(self) -> None:
        """Forget every scripted fault."""
        self.admin("DELETE", "/_admin/faults")

    def withhold(self, *extensions: str, types: Sequence[str] = ()) -> None:
        """Announce every extension and readable type but these from now on; none withholds none.

        A hook that has asked before keeps the earlier announcement.
        """
        self.admin("PUT", "/_admin/withheld", {"extensions": list(extensions), "types": list(types)})

    def requests(self) -> list[dict[str, Any]]:
        """The journal of API requests, oldest first: method, path, query, headers, body, status."""
        return list(self.admin("GET", "/_admin/requests")["items"])

    def clear_requests(self) -> None:
        """Empty the journal."""
        self.admin("DELETE", "/_admin/requests")

    def add_lake(self, name: str) -> str:
        """Create a lake in the default organization and return its id."""
        return str(self.admin("POST", "/_admin/lakes", {"name": name})["id"])

    def add_organization(self, name: str) -> dict[str, str]:
        """Create an organization with a lake and a connector, and return their ids and a token for it."""
        return dict(self.admin("POST", "/_admin/organizations", {"name": name}))

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Call an admin route and return its JSON answer."""
        request = urllib.request.Request(  # noqa: S310 - the address is this server's own.
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        # A proxy of the environment must not stand between a test and its own server.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_ANSWER_SECONDS) as answer:
            return json.loads(answer.read() or b"null")
