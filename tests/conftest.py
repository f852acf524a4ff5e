"""What holds for every test."""

from __future__ import annotations

import signal
import warnings
from contextlib import suppress

# Importing the official SDK disables every logger there is; imported first, it finds none of ours.
with suppress(ModuleNotFoundError), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import picsellia  # noqa: F401

# A shell's background job is born deaf to Ctrl-C, and so would be the programs whose Ctrl-C tests try.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
