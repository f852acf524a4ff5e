"""Adapter that gives requests the trust and proxies of `network_rules`, which the awaiting shell has, too."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from datalake_ops.client.transport.network_rules import proxy_for, tls_context


class RulesAdapter(HTTPAdapter):
    """Sends one session's requests; one context decides whom all its connections trust.

    Raises:
        ConfigurationError: the CA bundle cannot be read, or the address of a proxy cannot be right.
    """

    def __init__(self, verify: bool | str, pool_size: int) -> None:
        self._given = verify
        self._context: ssl.SSLContext | None = None
        self._pool_size = pool_size
        super().__init__(pool_maxsize=pool_size)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send a request, also one that follows a redirection, through the proxy of its own address."""
        url = request.url or ""
        proxy = proxy_for(url)
        scheme = url.partition(":")[0]
        options["proxies"] = {} if proxy is None else {scheme: proxy.url}
        options["verify"] = self._given is not False
        if self._context is None and (scheme == "https" or (proxy is not None and proxy.origin.secure)):
            # Made at first use, for it reads every certificate authority of the machine.
            self._context = tls_context(self._given)
            self.init_poolmanager(DEFAULT_POOLSIZE, self._pool_size, ssl_context=self._context)
        return super().send(request, *args, **options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS[self._given is False]

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Make the pools of connections through a proxy."""
        if self._context is not None:
            options.update(ssl_context=self._context, proxy_ssl_context=self._context)
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS[self._given is False]
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the authorities to the context: requests would add certifi's to a CA bundle of one's own."""
        conn.cert_reqs = "CERT_REQUIRED" if verify else "CERT_NONE"


class _WarnedConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        # urllib3 would warn of each connection; `warn_if_unverified` did so once.
        self.is_verified = True


class _WarnedPool(HTTPSConnectionPool):
    ConnectionCls = _WarnedConnection


_POOLS: dict[bool, dict[str, type[HTTPConnectionPool]]] = {
    False: {"http": HTTPConnectionPool, "https": HTTPSConnectionPool},
    True: {"http": HTTPConnectionPool, "https": _WarnedPool},
}
