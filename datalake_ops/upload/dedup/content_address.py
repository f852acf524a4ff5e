"""Content-addressed object names: one name for one content, on which workers agree without talking to each other."""

from __future__ import annotations

import hashlib
import logging
import re
from uuid import UUID

from datalake_ops.errors import AnswerError

logger = logging.getLogger(__name__)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def content_name(generated: str, lake: UUID, filename: str, digest: str) -> str:
    """Return the platform's name with its random UUID replaced by one that follows from the content.

    Two workers that upload the same file to the same lake thus register the same object, which a platform takes for
    one data. A name of another layout, without exactly one UUID in its last part, is returned as it is.
    """
    folder, slash, last = generated.rpartition("/")
    if len(_UUID.findall(last)) != 1:
        return generated
    seed = "\0".join((str(lake), filename, digest)).encode("utf-8", "surrogatepass")
    # It has the form of the random one that it replaces.
    made = UUID(bytes=hashlib.sha256(seed).digest()[:16], version=4)
    return f"{folder}{slash}{_UUID.sub(str(made), last)}"


class ObjectNaming:
    """Naming of the objects of one run: by content where files are compared and the platform takes such names."""

    def __init__(self, lake: UUID, by_content: bool) -> None:
        self._lake = lake
        self._by_content = by_content
        self._refusal: str | None = None

    def name(self, generated: str, filename: str, digest: str) -> str:
        """Return the object name of a file, given the one that the platform generated."""
        return content_name(generated, self._lake, filename, digest) if self._by_content else generated

    def refuse(self, refusal: AnswerError) -> None:
        """Use the platform's names from now on, and log the first refusal."""
        self._by_content = False
        if self._refusal is None:
            self._refusal = (
                "The platform accepts only object names that it generated itself, so two workers may upload a file "
                f"twice: {refusal}"
            )
            logger.warning("%s", self._refusal)

    def notes(self) -> list[str]:
        """Return the sentence for the report when names were refused."""
        return [] if self._refusal is None else [self._refusal]
