"""Trust and proxies: the rules that both shells keep, read from the connection and the environment.

- The connection's own `verify` wins. Then REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR, the first
  that is set; each names all authorities that are trusted. Else: those of the machine and those of certifi.
- Proxies: http_proxy, https_proxy, all_proxy and no_proxy, in lower or upper case, and the system's settings on macOS
  and Windows.
- A `.netrc` is never read: it would replace the API token.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import certifi
from requests.utils import select_proxy, should_bypass_proxies

from datalake_ops.client.transport.address import Origin, basic_authorization, header_lines
from datalake_ops.errors import ConfigurationError

logger = logging.getLogger(__name__)
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
_warned: set[str] = set()
_warning = threading.Lock()


@dataclass(frozen=True)
class Proxy:
    """A proxy: its origin, and its credentials as header lines."""

    origin: Origin
    lines: str = field(repr=False)
    url: str = field(repr=False)


def trusted_authorities(verify: bool | str, environment: Mapping[str, str] | None = None) -> bool | str:
    """Return the CA bundle to trust alone: the path of a file or folder; True for the default; False for no check.

    Raises:
        ConfigurationError: the path names neither a file nor a folder.
    """
    if isinstance(verify, str):
        return _existing("verify", verify)
    if not verify:
        return False
    variables = os.environ if environment is None else environment
    for name in _BUNDLES:
        if variables.get(name):
            return _existing(name, variables[name])
    return True


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """Return the TLS context for a connection's `verify`.

    Raises:
        ConfigurationError: the CA bundle is not there, or holds no certificate.
    """
    trusted = trusted_authorities(verify)
    if isinstance(trusted, str):
        try:
            if Path(trusted).is_dir():
                return ssl.create_default_context(capath=trusted)
            return ssl.create_default_context(cafile=trusted)
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationError(f"{trusted} cannot be read as a CA bundle ({error}).") from error
    context = ssl.create_default_context()
    if trusted:
        context.load_verify_locations(certifi.where())
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def warn_if_unverified(host: str, verify: bool | str) -> None:
    """Log, once per host and process, that certificates are not verified."""
    if verify is not False or not host.startswith("https:"):
        return
    with _warning:
        if host in _warned:
            return
        _warned.add(host)
    logger.warning(
        "The certificate of %s is not verified (verify=False): whoever is on the way can read the API token. Name the "
        "authority's CA bundle with verify= instead.",
        host,
    )


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy of an address; None if requests go there directly.

    Raises:
        ConfigurationError: the environment names a proxy whose address cannot be right.
    """
    proxies = getproxies()
    if not proxies.keys() - {"no"} or should_bypass_proxies(url, no_proxy=None):
        return None
    address = select_proxy(url, proxies)
    return _read_proxy(address) if address else None


def _read_proxy(address: str) -> Proxy:
    # As curl and requests read it: without a scheme a proxy speaks plain HTTP.
    url = address.strip() if "://" in address else f"http://{address.strip()}"
    shown = url.rpartition("@")[2] if "@" in url else url
    try:
        parts = urlsplit(url)
        origin = Origin.of(url)
        authorization = basic_authorization(parts)
        lines = header_lines({} if authorization is None else {"Proxy-Authorization": authorization})
    except (ValueError, UnicodeError) as error:
        raise ConfigurationError(
            f"The proxy {shown!r} of the environment is no address ({error}); write it like http://proxy.example:3128 "
            "in http_proxy, https_proxy or all_proxy."
        ) from error
    if parts.path not in ("", "/") or parts.query or " " in parts.netloc:
        raise ConfigurationError(f"The proxy {shown!r} of the environment has more than a scheme, a host and a port.")
    return Proxy(origin, lines, url)


def _existing(name: str, path: str) -> str:
    if not Path(path).exists():
        raise ConfigurationError(f"{name} names {path}, which is no file of this machine; it has to be a CA bundle.")
    return path
