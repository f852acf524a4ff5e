"""Trust, proxies and .netrc: both shells keep the same rules, seen on servers and proxies of this process."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from datalake_ops.client.async_session import AsyncSession
from datalake_ops.client.operation import Operation, Repeat, raw
from datalake_ops.client.session import Session
from datalake_ops.client.transport import network_rules
from datalake_ops.config import Connection, RetryPolicy
from datalake_ops.errors import AmbiguousRequestError, ConfigurationError, NetworkError

PING = Operation("GET", "/api/home/ping", raw)
LAUNCH = Operation("POST", "/api/launch", raw, body={}, repeat=Repeat.ONCE)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
AT_ONCE = RetryPolicy(attempts=1, budget=0)
VARIABLES = [
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"),
]


def blocking(connection: Connection, operation: Operation[dict[str, object]] = PING) -> dict[str, object]:
    with Session(connection) as session:
        return session.send(operation, AT_ONCE)


def awaiting(connection: Connection, operation: Operation[dict[str, object]] = PING) -> dict[str, object]:
    async def main() -> dict[str, object]:
        async with AsyncSession(connection) as session:
            return await session.send(operation, AT_ONCE)

    return asyncio.run(main())


Shell = Callable[..., dict[str, object]]
both = pytest.mark.parametrize("shell", [blocking, awaiting])


@dataclass
class Server:
    """A server of one answer, in threads; `heads` are those of the requests that it met."""

    answer: bytes = ANSWER
    tls: ssl.SSLContext | None = None
    as_proxy: bool = False
    heads: list[str] = field(default_factory=list)

    def __enter__(self) -> Server:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client if self.tls is None else self.tls.wrap_socket(client, server_side=True) as stream:
                while head := _read_head(stream):
                    self.heads.append(head)
                    if self.as_proxy and head.startswith("CONNECT") and b" 200 " in self.answer:
                        stream.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                        _pump(stream, head.split()[1])
                        return
                    stream.sendall(self.answer)
        except OSError:
            return


def _read_head(stream: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(65536)
        if not piece:
            return ""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(rest) < length:
        rest += stream.recv(65536)
    return head.decode("latin-1")


def _pump(client: socket.socket, target: str) -> None:
    host, _, port = target.rpartition(":")
    with socket.create_connection((host, int(port))) as server:

        def copy(source: socket.socket, sink: socket.socket) -> None:
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                return

        thread = threading.Thread(target=copy, args=(server, client), daemon=True)
        thread.start()
        copy(client, server)
        thread.join(10)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of one server: the file of its certificate, and the server's context."""

    bundle: Path
    tls: ssl.SSLContext


def an_authority(folder: Path) -> Authority:
    authority = trustme.CA()
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    return Authority(bundle, tls)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that says nothing of proxies, trust and a home."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(network_rules, "_warned", set())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return an_authority(tmp_path)


@pytest.fixture
def plain() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def secure(authority: Authority) -> Iterator[Server]:
    with Server(tls=authority.tls) as server:
        yield server


@both
def test_a_netrc_never_replaces_the_token(shell: Shell, plain: Server, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)

    shell(Connection(f"http://127.0.0.1:{plain.port}", "the-token"))

    assert "Authorization: Bearer the-token" in plain.heads[0]


@both
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_bundle_of_the_environment_is_trusted(
    shell: Shell, variable: str, secure: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(authority.bundle))

    assert shell(Connection(f"https://127.0.0.1:{secure.port}", "t")) == {}


@both
def test_the_connections_bundle_wins_over_the_environments(
    shell: Shell, secure: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())

    assert shell(Connection(f"https://127.0.0.1:{secure.port}", "t", verify=str(authority.bundle))) == {}


@both
def test_a_bundle_is_trusted_alone(
    shell: Shell, secure: Server, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other = an_authority(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))

    with pytest.raises(NetworkError, match="CERTIFICATE_VERIFY_FAILED"):
        shell(Connection(f"https://127.0.0.1:{secure.port}", "t", verify=str(other.bundle)))


@both
def test_an_unknown_authority_is_not_trusted(shell: Shell, secure: Server) -> None:
    # The request was never sent, so that even one that may go once is no doubtful case.
    with pytest.raises(NetworkError) as caught:
        shell(Connection(f"https://127.0.0.1:{secure.port}", "t"), LAUNCH)

    assert not isinstance(caught.value, AmbiguousRequestError)


@both
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_bundle_that_is_not_there_is_named(shell: Shell, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/no/such/bundle.pem")

    with pytest.raises(ConfigurationError, match=f"{variable} names /no/such/bundle.pem"):
        shell(Connection("https://127.0.0.1:1", "t"))


@both
def test_no_verification_warns_once(shell: Shell, secure: Server, caplog: pytest.LogCaptureFixture) -> None:
    connection = Connection(f"https://127.0.0.1:{secure.port}", "t", verify=False)

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            shell(connection)

    assert len([one for one in caplog.records if "verify=False" in one.message]) == 1


@both
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(
    shell: Shell, variable: str, plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://user:w%40rd@127.0.0.1:{plain.port}")

    shell(Connection("http://lake.invalid", "t"))

    credentials = base64.b64encode(b"user:w@rd").decode()
    assert plain.heads[0].startswith("GET http://lake.invalid")
    assert "/api/home/ping HTTP/1.1" in plain.heads[0]
    assert f"Proxy-Authorization: Basic {credentials}" in plain.heads[0]
    assert "Host: lake.invalid" in plain.heads[0]


@both
@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY"])
def test_tls_goes_through_the_proxy_unread(
    shell: Shell, variable: str, secure: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(as_proxy=True) as proxy:
        monkeypatch.setenv(variable, f"127.0.0.1:{proxy.port}")

        shell(Connection(f"https://127.0.0.1:{secure.port}", "t", verify=str(authority.bundle)))

    assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{secure.port} HTTP/1.")
    assert "Bearer" not in proxy.heads[0]
    assert "Authorization: Bearer t" in secure.heads[0]


@both
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("value", ["127.0.0.1", "127.0.0.0/8", "*"])
def test_hosts_without_a_proxy_are_met_directly(
    shell: Shell, variable: str, value: str, plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, value)

    shell(Connection(f"http://127.0.0.1:{plain.port}", "t"))

    assert plain.heads[0].startswith("GET /api/home/ping")


@both
def test_a_proxy_that_opens_no_way_means_that_nothing_was_sent(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")

        with pytest.raises(NetworkError) as caught:
            shell(Connection("https://lake.invalid", "t"), LAUNCH)

    assert not isinstance(caught.value, AmbiguousRequestError)


@both
@pytest.mark.parametrize(
    "address", ["http://", "http://:3128", "http://h:port", "http://h:99999", "socks5://h:1080", "http://h/path", "a b"]
)
def test_a_proxy_that_cannot_be_right_is_a_wrong_configuration(
    shell: Shell, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", address)

    with pytest.raises(ConfigurationError, match="proxy"):
        shell(Connection("http://lake.invalid", "t"))


def test_the_password_of_a_wrong_proxy_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:secret@h:port")

    with pytest.raises(ConfigurationError) as caught:
        blocking(Connection("http://lake.invalid", "t"))

    assert "secret" not in str(caught.value)


@both
@pytest.mark.parametrize("same_host", [True, False])
def test_the_token_follows_a_redirection_only_to_its_own_host(shell: Shell, same_host: bool) -> None:
    with Server() as other, Server() as server:
        target = server if same_host else other
        path = f"http://127.0.0.1:{target.port}/moved" if same_host else f"http://localhost:{target.port}/moved"
        moved = f"HTTP/1.1 307 M\r\nLocation: {path}\r\nContent-Length: 0\r\n\r\n".encode()

        class Moving(Server):
            @property  # type: ignore[misc]
            def answer(self) -> bytes:  # type: ignore[override]
                return moved if len(self.heads) == 1 else ANSWER

            @answer.setter
            def answer(self, value: bytes) -> None:
                return

        with Moving() as first:
            if same_host:
                moved = moved.replace(str(target.port).encode(), str(first.port).encode())
            shell(Connection(f"http://127.0.0.1:{first.port}", "the-token"))
            last = first.heads[1] if same_host else other.heads[0]

    assert ("Bearer the-token" in last) == same_host
