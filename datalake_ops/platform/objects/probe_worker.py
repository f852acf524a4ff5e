"""Child process that decodes untrusted files, with limited memory.

It receives open files over a Unix socket, one at a time, and answers each with one line of JSON. A file that crashes or
hangs the decoder takes only this process down.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from dataclasses import asdict

from PIL import Image

from datalake_ops.platform.objects.probe import PIXELS, UnreadableFileError, probe

MEMORY_BYTES = 2 * 1024**3


def main() -> None:
    """Serve the socket whose descriptor is the only argument, until the other side closes it."""
    _limit_memory()
    # Pillow warns above this, and `probe` makes the warning an error; twice this is an error of its own.
    Image.MAX_IMAGE_PIXELS = PIXELS
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        while True:
            word, descriptors, _flags, _address = socket.recv_fds(channel, 1, 1)
            if not word:
                return
            channel.sendall(json.dumps(_answer(descriptors[0])).encode() + b"\n")


def _limit_memory() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _answer(descriptor: int) -> dict[str, object]:
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            return asdict(probe(file))
        except UnreadableFileError as error:
            return {"reason": str(error), "size_bytes": size}
        except MemoryError:
            return {"reason": "the image needs more memory than there is for it", "size_bytes": size}


if __name__ == "__main__":
    main()
