"""`python -m datalake_ops.platform`: serve until stopped."""

from __future__ import annotations

import argparse
import sys

from datalake_ops.platform.cli_options import add_serve_arguments, options_from


def main() -> int:
    """Serve, or print in one line why that is impossible."""
    parser = argparse.ArgumentParser(prog="python -m datalake_ops.platform", description="Serve a datalake platform.")
    add_serve_arguments(parser)
    options = options_from(parser.parse_args())
    # Parsed first: a mistyped option is answered before anything heavy is imported.
    from datalake_ops.platform.server import CannotServeError, serve

    try:
        serve(options)
    except CannotServeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
