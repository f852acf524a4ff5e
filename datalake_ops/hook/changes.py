"""Verb on the log of changes."""

from __future__ import annotations

from datalake_ops.client import changes as operations
from datalake_ops.errors import UnsupportedError
from datalake_ops.hook.caller import LakeCaller
from datalake_ops.wire.changes import ChangePage
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.paging import PAGE_SIZE


class ChangeVerbs(LakeCaller):
    """List the changes of the lake."""

    def list_changes(self, cursor: str | None = None, until: str | None = None, limit: int = PAGE_SIZE) -> ChangePage:
        """List data that became ready or were tagged, and jobs that ended, after a cursor, oldest first.

        Args:
            cursor: where an earlier page ended; without it the page is empty and tells where the log ends now.
            until: a later cursor to stop at.
            limit: at most about this many changes, 1,000 at most.

        Raises:
            UnsupportedError: the platform keeps no log of changes.
        """
        if not self.context.offers(Extension.CHANGES):
            raise UnsupportedError("This platform keeps no log of changes; list the newest data instead.")
        return self.send(operations.list_changes(self._lake_id, cursor, until, limit))
