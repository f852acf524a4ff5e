"""Child process that decodes untrusted files, with limited memory.

It receives open files over a Unix socket, one at a time, and answers each with one line of JSON. A file that crashes
the decoder, or takes too much processor time, takes only this process down.
"""

from __future__ import annotations

import base64
import json
import math
import os
import resource
import socket
import sys
import warnings
from dataclasses import asdict
from typing import BinaryIO

# Requests: properties with the metadata of IFD0, or with all that EXIF tells; a copy to be looked at, of two sizes.
PLAIN, FULL = b"m", b"f"
SMALL_COPY, LARGE_COPY = b"s", b"l"
MEMORY_BYTES = 2 * 1024**3


def main() -> None:
    """Serve the socket of the first argument; the second is the processor time of each file, in seconds."""
    _limit_memory()
    # A damaged EXIF block, a large picture: nobody reads warnings here.
    warnings.simplefilter("ignore")
    cpu_seconds = int(sys.argv[2])
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        while True:
            word, descriptors, _flags, _address = socket.recv_fds(channel, 1, 1)
            if not word:
                return
            _limit_cpu(cpu_seconds)
            channel.sendall(json.dumps(_answer(descriptors[0], word)).encode() + b"\n")


def _limit_memory() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _limit_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _answer(descriptor: int, word: bytes) -> dict[str, object]:
    # Loaded after the limits are set, and not where only the protocol is wanted.
    from datalake_ops.platform.objects.probe import UnreadableFileError, probe

    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            return _copy(file, word) if word in (SMALL_COPY, LARGE_COPY) else asdict(probe(file, word == FULL))
        except UnreadableFileError as error:
            return {"reason": str(error), "size_bytes": size}
        except MemoryError:
            return {"reason": "the image needs more memory than there is for it", "size_bytes": size}


def _copy(file: BinaryIO, word: bytes) -> dict[str, object]:
    from datalake_ops.pictures.inspection import UnreadablePictureError
    from datalake_ops.platform.objects.picture_copy import LARGE, SMALL, jpeg_copy
    from datalake_ops.platform.objects.probe import UnreadableFileError

    try:
        content = jpeg_copy(file, SMALL if word == SMALL_COPY else LARGE)
    except UnreadablePictureError as error:
        raise UnreadableFileError(str(error)) from error
    return {"jpeg": base64.b64encode(content).decode("ascii")}


if __name__ == "__main__":
    main()
