"""`python -m datalake_ops.cli`: the same as `datalake-ops`."""

from __future__ import annotations

import sys

from datalake_ops.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
