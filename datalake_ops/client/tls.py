"""Whom to trust: the certificate authorities of the machine, those of a file, or anybody."""

from __future__ import annotations

import ssl
from pathlib import Path

from datalake_ops.errors import ConfigurationError


def checked_verify(verify: bool | str) -> bool | str:
    """`verify` as requests takes it.

    Raises:
        ConfigurationError: it names a file that is not there.
    """
    if isinstance(verify, str) and not Path(verify).exists():
        raise ConfigurationError(f"verify names {verify}, which is no file of this machine; it has to be a CA bundle.")
    return verify


def ssl_context(verify: bool | str) -> ssl.SSLContext | bool:
    """`verify` as aiohttp takes it.

    Raises:
        ConfigurationError: it names a file that is not there, or holds no certificates.
    """
    if not isinstance(verify, str):
        return verify
    path = Path(str(checked_verify(verify)))
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=verify)
        return ssl.create_default_context(cafile=verify)
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(f"verify names {verify}, which cannot be read as a CA bundle ({error}).") from error
