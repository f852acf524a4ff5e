"""`datalake-ops`: the hook's verbs, the embedded platform and the demo on a command line."""

from __future__ import annotations

from datalake_ops.cli.program import main

__all__ = ["main"]
