"""Tags for data that were there already: what a fresh upload would have put on them, one call per tag."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.tags import attach_tag
from datalake_ops.errors import DatalakeError, UploadError
from datalake_ops.wire.data import Data

# One body of this many identifiers is about 400 kB.
AT_ONCE = 10_000


class LateTags:
    """Collects what is to be tagged, and does it at the end of the run."""

    def __init__(self) -> None:
        self._wanted: dict[UUID, dict[UUID, tuple[int, str]]] = {}

    def want(self, index: int, path: str, data: Data, tags: Iterable[UUID]) -> None:
        """A data shall have these tags; those that it is known to have are left alone."""
        has = {tag.id for tag in data.tags or ()}
        for tag in set(tags) - has:
            self._wanted.setdefault(tag, {})[data.id] = (index, path)

    async def attach(self, session: AsyncSession) -> dict[int, UploadError]:
        """Attach them all; returns an error for each row whose data did not get its tag."""
        errors: dict[int, UploadError] = {}
        for tag, wanted in self._wanted.items():
            ids = list(wanted)
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                try:
                    await session.send(attach_tag(tag, some))
                except DatalakeError as error:
                    errors |= {wanted[one][0]: _untagged(wanted[one][1], one, error) for one in some}
        return errors


def _untagged(path: str, data: UUID, error: DatalakeError) -> UploadError:
    return UploadError(f"{path} is in the lake already, as data {data}, but could not be tagged: {error}", path)
