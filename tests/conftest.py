"""What holds for every test."""

from __future__ import annotations

import warnings
from contextlib import suppress

# Importing the official SDK disables every logger there is; imported first, it finds none of ours.
with suppress(ModuleNotFoundError), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import picsellia  # noqa: F401
