"""Environment variables that the platform's child processes inherit: an allow-list, so that no secret reaches them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_NAMES = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        # Not all of NVIDIA_: NVIDIA_API_KEY is a secret.
        *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_TF32_OVERRIDE"),
    }
)
_PREFIX = "CUDA_"
_SITE = frozenset({"site-packages", "dist-packages"})


def inherited_environment(more: Iterable[str] = ()) -> dict[str, str]:
    """Variables of this process that a child gets: those of the allow-list and `more`, where they are set."""
    allowed = _NAMES.union(more)
    return {name: value for name, value in os.environ.items() if name in allowed or name.startswith(_PREFIX)}


def package_path() -> dict[str, str]:
    """PYTHONPATH by which a child of this interpreter finds datalake_ops; empty where it is installed."""
    root = Path(__file__).resolve().parents[2]
    return {} if root.name in _SITE else {"PYTHONPATH": str(root)}
