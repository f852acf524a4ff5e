"""One object name for one content, on which workers agree who never met."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def agreed_name(generated: str, lake: UUID, filename: str, digest: str) -> str:
    """The name that the platform made, with its random UUID replaced by one that follows from the content.

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
