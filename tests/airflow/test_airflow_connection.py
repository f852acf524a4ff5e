"""The connection: its form, what its fields mean, what it says when one is wrong, and that its token stays hidden."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import pkgutil
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from uuid import UUID

import certifi
import pytest
from airflow.providers.common.compat.sdk import Connection
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airflow_provider.get_provider_info import get_provider_info
from airflow_provider.hooks.connection import datalake_connection
from airflow_provider.hooks.datalake import DatalakeHook
from datalake_ops.config import DEFAULT_HOST, Timeouts
from datalake_ops.errors import ConfigurationError
from datalake_ops.testing.server import PlatformServer
from tests.airflow.versions import AIRFLOW, redact


def a_connection(extra: Any = None, **fields: Any) -> Connection:
    text = extra if isinstance(extra, str) or extra is None else json.dumps(extra)
    return Connection(conn_id="lake", conn_type="datalake", **{"password": "token", "extra": text, **fields})


def shown_form() -> tuple[set[str], str | None]:
    """The fields of a datalake connection that Airflow's web interface shows, and what it calls the password."""
    if AIRFLOW < (3, 0):
        from airflow.providers_manager import ProvidersManager

        manager = ProvidersManager()
        widgets = [name.split("__") for name in manager.connection_form_widgets]
        fields = {name for _, kind, name in widgets if kind == "datalake"}
        return fields, manager.field_behaviours["datalake"]["relabeling"]["password"]
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "datalake"]
    return set(form.extra_fields), form.standard_fields.password.title


@pytest.fixture
def behind_tls(tmp_path: Path) -> Iterator[tuple[str, str, Path]]:
    """The address of a platform behind TLS, a token for it, and the bundle that vouches for its certificate."""
    bundle, key = a_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, key)

    class Forwarder(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                client = context.wrap_socket(self.request, server_side=True)
            except ssl.SSLError:
                return
            with client, socket.create_connection(behind) as server:
                forth = threading.Thread(target=pump, args=(client, server), daemon=True)
                forth.start()
                pump(server, client)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Forwarder) as forwarder:
        forwarder.daemon_threads = True
        threading.Thread(target=forwarder.serve_forever, daemon=True).start()
        address = f"https://127.0.0.1:{forwarder.server_address[1]}"
        with PlatformServer(arguments=["--public-url", address]) as platform:
            behind = ("127.0.0.1", int(platform.url.rpartition(":")[2]))
            yield address, platform.token, bundle
        forwarder.shutdown()


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = builder.add_extension(place, critical=False).sign(key, hashes.SHA256())
    pem, form, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "ca.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    return folder / "ca.pem", folder / "key.pem"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def set_fields(**fields: Any) -> DatalakeHook:
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps({"conn_type": "datalake", **fields}))
        return DatalakeHook("lake")

    return set_fields


@pytest.mark.parametrize(
    ("fields", "host"),
    [
        ({}, DEFAULT_HOST),
        ({"host": "https://lake.example.com"}, "https://lake.example.com"),
        ({"host": "https://lake.example.com/", "port": 8443}, "https://lake.example.com:8443"),
        ({"host": "lake.example.com"}, "https://lake.example.com"),
        ({"host": "lake.example.com", "schema": "http", "port": 80}, "http://lake.example.com:80"),
        ({"host": "127.0.0.1", "port": 8700}, "http://127.0.0.1:8700"),
        ({"host": "::1", "port": 8700}, "http://[::1]:8700"),
        ({"host": "localhost", "schema": "https"}, "https://localhost"),
    ],
)
def test_host_scheme_and_port_make_the_address(fields: dict[str, Any], host: str) -> None:
    assert datalake_connection(a_connection(**fields)).host == host


def test_a_connection_written_as_a_uri_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "datalake://:secret@127.0.0.1:8700/?datalake_name=line-3&verify=false"
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", uri)

    connection = datalake_connection(DatalakeHook.get_connection("lake"))

    assert connection.host == "http://127.0.0.1:8700"
    assert connection.api_token == "secret"
    assert connection.datalake_name == "line-3"
    assert connection.verify is False


def test_the_extra_chooses_organization_lake_certificates_and_timeouts() -> None:
    extra = {"organization_name": "acme", "datalake_name": "line-3", "verify": "/etc/ca.pem", "api_timeout": "12.5"}
    connection = datalake_connection(a_connection(extra))

    assert (connection.organization_name, connection.datalake_name) == ("acme", "line-3")
    assert connection.verify == "/etc/ca.pem"
    assert (connection.timeouts.api, connection.timeouts.connect) == (12.5, 10.0)


@pytest.mark.parametrize(
    ("extra", "field", "value"),
    [
        ({"verify": "no"}, "verify", False),
        ({"verify": " False "}, "verify", False),
        ({"verify": "1"}, "verify", True),
        ({"max_workers": "8"}, "max_workers", 8),
        ({"datalake_name": 2026}, "datalake_name", "2026"),
        ({"datalake_id": f" {UUID(int=7)} "}, "datalake_id", UUID(int=7)),
        ({"api_timeout": "0:05:00"}, "timeouts", Timeouts(api=300.0)),
    ],
)
def test_the_extra_takes_every_form_of_a_value(extra: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(datalake_connection(a_connection(extra)), field) == value


def test_fields_left_empty_in_the_form_count_as_absent() -> None:
    extra = {"organization_name": "", "organization_id": None, "verify": "", "api_timeout": ""}

    assert datalake_connection(a_connection(extra)) == datalake_connection(a_connection())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": None}, "put it in the password"),
        ({"host": "https://lake.example.com/api"}, "root of its origin"),
        ({"extra": "{"}, "not JSON"),
        ({"extra": "[1]"}, "not a JSON object"),
        ({"extra": {"organisation": "acme"}}, "unknown fields ['organisation']"),
        ({"extra": {"organization_id": "acme"}}, "not a UUID"),
        ({"extra": {"api_timeout": "soon"}}, "api_timeout cannot be 'soon'"),
        ({"extra": {"api_timeout": 0}}, "api_timeout cannot be 0"),
        ({"extra": {"api_timeout": True}}, "api_timeout cannot be True"),
        ({"extra": {"datalake_name": "  "}}, "datalake_name cannot be"),
        ({"extra": {"datalake_name": False}}, "datalake_name cannot be False"),
        ({"extra": {"organization_name": ["acme"]}}, "organization_name cannot be"),
        ({"extra": {"max_workers": 0}}, "max_workers cannot be 0"),
        ({"extra": {"max_workers": []}}, "max_workers cannot be []"),
        ({"extra": {"verify": 3}}, "verify cannot be 3"),
        ({"extra": {"max_workers": "many"}}, "max_workers cannot be"),
        ({"host": "https://me:hidden@lake.example.com/api"}, "Put no user or password in the host"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        datalake_connection(a_connection(**fields))

    assert "Connection 'lake'" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert message in str(caught.value)


def test_the_connection_test_says_what_it_reached(platform: PlatformServer) -> None:
    works, message = DatalakeHook().test_connection()

    assert works
    assert message.startswith(f"Connected to {platform.url} as ")
    assert message.endswith(f"storage {platform.url.removeprefix('http://')}.")


def test_a_certificate_that_nobody_vouches_for_stops_at_tls(
    connect: Any, behind_tls: tuple[str, str, Path], an_image: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the environment trusts says nothing of a connection that names its own bundle.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    address, token, bundle = behind_tls
    fields = {"host": address, "password": token}

    distrusted, why = connect(**fields).test_connection()
    trusted, reached = connect(**fields, extra={"verify": str(bundle)}).test_connection()
    unchecked, _ = connect(**fields, extra={"verify": False}).test_connection()

    assert (distrusted, trusted, unchecked) == (False, True, True), reached
    assert why.startswith(f"{address}: TLS: ")
    assert reached.startswith(f"Connected to {address}")
    with connect(**fields, extra={"verify": str(bundle)}) as hook:
        assert hook.datalake.upload(an_image("one.png")).counts()["UPLOADED"] == 1
    with connect(**fields, extra={"verify": False}) as hook:
        assert hook.datalake.upload(an_image("two.png")).counts()["UPLOADED"] == 1


def test_the_connection_test_names_a_wrong_token(platform: PlatformServer, connect: Any) -> None:
    works, message = connect(host=platform.url, password="wrong").test_connection()

    assert not works
    assert "token" in message.lower()
    assert "wrong" not in message.replace("went wrong", "")


def test_the_connection_test_names_an_address_where_nothing_answers(platform: PlatformServer, connect: Any) -> None:
    works, message = connect(host="http://127.0.0.1:9", password="token").test_connection()

    assert not works
    assert "127.0.0.1:9" in message


def test_the_connection_test_names_an_unknown_organization(platform: PlatformServer, connect: Any) -> None:
    hook = connect(host=platform.url, password=platform.token, extra={"organization_name": "nobody"})
    works, message = hook.test_connection()

    assert not works
    assert "organization" in message.lower()
    assert "nobody" in message


def test_the_connection_test_names_an_unknown_lake(platform: PlatformServer, connect: Any) -> None:
    hook = connect(host=platform.url, password=platform.token, extra={"datalake_name": "nowhere"})
    works, message = hook.test_connection()

    assert not works
    assert "nowhere" in message


def test_the_connection_test_names_a_connection_that_does_not_exist() -> None:
    works, message = DatalakeHook("no_such_connection").test_connection()

    assert not works
    assert "no_such_connection" in message


def test_the_hook_masks_the_token_and_keeps_it_out_of_its_repr(platform: PlatformServer, connect: Any) -> None:
    token = "tok-3f9c0e8d"
    hook = connect(host=platform.url, password=token)

    assert token not in repr(hook.datalake)
    assert token not in repr(hook.datalake.connection)
    assert redact(f"Bearer {token}") == "Bearer ***"


def test_the_hook_masks_the_token_in_every_form_of_a_log(platform: PlatformServer, connect: Any) -> None:
    token = 'tok/3f9c+0e8d="x'
    assert connect(host=platform.url, password=token).datalake.connection.api_token == token

    uri = Connection(conn_id="lake", conn_type="datalake", host="h", password=token).get_uri()
    for shown in (uri, quote(token, safe=""), quote_plus(token), json.dumps({"token": token}), token):
        assert "3f9c" not in redact(shown)


def test_the_trigger_masks_the_token_too(platform: PlatformServer, connect: Any) -> None:
    token = "tok/in-a-triggerer+5a"
    connect(host=platform.url, password=token)

    connection = asyncio.run(DatalakeHook.aconnection("lake"))

    assert connection.api_token == token
    assert redact(f"{token} {quote(token, safe='')}") == "*** ***"


def test_a_connection_is_looked_up_anew_by_every_task(platform: PlatformServer, connect: Any) -> None:
    connect(host=platform.url, password="first")
    kept = DatalakeHook("lake")
    seen = [kept.datalake.connection.api_token]

    connect(host=platform.url, password="second", extra={"max_workers": "4"})
    seen += [DatalakeHook("lake").datalake.connection.api_token, kept.datalake.connection.api_token]

    # A hook keeps its own, for a task is to end with the connection it began with.
    assert seen == ["first", "second", "first"]
    assert DatalakeHook("lake").datalake.connection.max_workers == 4
    assert not any("token" in str(value) for value in vars(DatalakeHook).values() if isinstance(value, dict))


def test_airflow_shows_the_declared_form() -> None:
    fields, password = shown_form()

    assert fields == set(get_provider_info()["connection-types"][0]["conn-fields"])
    assert password == "API token"


def test_every_class_that_the_provider_info_names_exists() -> None:
    info = get_provider_info()
    kinds = ("hooks", "operators", "sensors", "triggers")
    modules = [name for kind in kinds for name in info[kind][0]["python-modules"]]
    classes = [info["connection-types"][0]["hook-class-name"], *info["extra-links"]]

    for module in modules:
        __import__(module)
    for name in classes:
        assert pkgutil.resolve_name(name)


def test_airflow_finds_the_hook_of_a_connection_by_its_type(platform: PlatformServer) -> None:
    connection = DatalakeHook.get_connection("datalake_default")

    assert isinstance(connection.get_hook(), DatalakeHook)
