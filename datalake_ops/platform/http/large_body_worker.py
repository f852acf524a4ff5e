"""Process that parses one large body: JSON on its standard input, a pickled refusal or value on its output."""

from __future__ import annotations

import importlib
import operator
import pickle
import resource
import sys
from typing import Any

_CPU_SECONDS = 100


def main() -> None:
    """Parse the body as the model that is named by the arguments: a module, a class in it, and how it is tagged."""
    from datalake_ops.platform.http.errors import RefusalError
    from datalake_ops.platform.http.request_body import JsonBody

    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    module, name, tagged = sys.argv[1:]
    raw = sys.stdin.buffer.read()
    body: JsonBody[Any] = JsonBody(
        operator.attrgetter(name)(importlib.import_module(module)), len(raw), tagged == "tagged"
    )
    try:
        answer: tuple[Any, Any] = (None, body.parse(raw))
    except RefusalError as refusal:
        answer = ((refusal.status, refusal.message, refusal.detail), None)
    sys.stdout.buffer.write(pickle.dumps(answer, protocol=5))


if __name__ == "__main__":
    main()
