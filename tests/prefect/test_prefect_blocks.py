"""The blocks: what Prefect asks of any block, and what ours promise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from io import BytesIO
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from PIL import Image
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from datalake_ops.config import Connection, Timeouts
from datalake_ops.errors import ConfigurationError
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer
from prefect_tasks import DatalakeCredentials, DatalakeJob
from prefect_tasks.blocks import aload_credentials, load_credentials
from tests.prefect.launcher import Launcher

TOKEN = "dlo_a-token-that-nobody-may-read"


class Standards(BlockStandardTestSuite):
    @pytest.fixture(autouse=True)
    def _logo_without_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # GitHub serves an avatar square, in the size that the address asks for.
        def answer(address: str) -> BytesIO:
            parts = urlsplit(address)
            assert (parts.scheme, parts.hostname) == ("https", "github.com")
            side = int(parse_qs(parts.query)["size"][0])
            picture = BytesIO()
            Image.new("RGB", (side, side)).save(picture, "PNG")
            picture.seek(0)
            return picture

        monkeypatch.setattr("prefect.testing.standard_test_suites.blocks.urlopen", answer)


class TestDatalakeCredentialsMeetsPrefectsStandards(Standards):
    @pytest.fixture
    def block(self) -> type[DatalakeCredentials]:
        return DatalakeCredentials


class TestDatalakeJobMeetsPrefectsStandards(Standards):
    @pytest.fixture
    def block(self) -> type[DatalakeJob]:
        return DatalakeJob


def test_credentials_become_a_connection_and_back() -> None:
    connection = Connection(
        host="https://lake.example",
        api_token=TOKEN,
        organization_id=uuid4(),
        organization_name="acme",
        datalake_id=uuid4(),
        datalake_name="photos",
        verify="/etc/ca.pem",
        timeouts=Timeouts(1.0, 2.0, 3.0),
        max_workers=3,
    )

    assert DatalakeCredentials.from_connection(connection).connection == connection


@pytest.mark.parametrize(("verify", "ca_bundle", "expected"), [(True, None, True), (False, "/ca.pem", False)])
def test_an_unchecked_certificate_wins_over_a_bundle(verify: bool, ca_bundle: str | None, expected: bool) -> None:
    block = DatalakeCredentials(api_token=SecretStr(TOKEN), verify=verify, ca_bundle=ca_bundle)

    assert block.connection.verify is expected


def test_the_token_is_in_no_repr_and_no_dump() -> None:
    block = DatalakeCredentials(api_token=SecretStr(TOKEN))

    assert TOKEN not in f"{block!r} {block} {block.model_dump()} {block.model_dump_json()} {block.connection!r}"


def test_a_validation_error_names_the_mistake_and_not_the_token() -> None:
    with pytest.raises(ValidationError) as raised:
        DatalakeCredentials(host="no address", api_token=TOKEN)

    assert "no address" in str(raised.value)
    assert TOKEN not in str(raised.value)


def test_credentials_are_read_from_the_environment() -> None:
    told = {"DATALAKE_HOST": "http://127.0.0.1:1", "DATALAKE_API_TOKEN": TOKEN, "DATALAKE_MAX_WORKERS": "5"}

    block = DatalakeCredentials.from_env(told)

    assert (block.host, block.api_token.get_secret_value()) == ("http://127.0.0.1:1", TOKEN)
    assert block.connection.max_workers == 5


def test_test_connection_says_what_is_wrong(platform: PlatformServer) -> None:
    right = DatalakeCredentials(host=platform.url, api_token=SecretStr(platform.token))
    wrong = DatalakeCredentials(host=platform.url, api_token=SecretStr(TOKEN))

    assert right.test_connection()[0] is True
    answers, sentence = wrong.test_connection()
    assert answers is False
    assert "Token" in sentence


def test_async_code_has_a_client_and_a_test_of_its_own(platform: PlatformServer) -> None:
    block = DatalakeCredentials(host=platform.url, api_token=SecretStr(platform.token))

    async def ask() -> tuple[int, bool]:
        async with await block.aget_client() as hook:
            return await hook.count_data(tags="there is none"), (await block.atest_connection())[0]

    assert asyncio.run(ask()) == (0, True)


@pytest.mark.usefixtures("prefect_api")
class TestLoadingByName:
    def test_a_saved_block_is_loaded(self) -> None:
        name = f"saved-{uuid4().hex[:8]}"
        DatalakeCredentials(api_token=SecretStr(TOKEN), datalake_name="photos").save(name)

        assert load_credentials(name).datalake_name == "photos"

    def test_a_saved_block_is_loaded_inside_an_event_loop(self) -> None:
        async def load_both_ways(name: str) -> list[str | None]:
            await DatalakeCredentials(api_token=SecretStr(TOKEN), datalake_name="photos").asave(name)
            return [load_credentials(name).datalake_name, (await aload_credentials(name)).datalake_name]

        assert asyncio.run(load_both_ways(f"saved-{uuid4().hex[:8]}")) == ["photos", "photos"]

    def test_the_default_name_falls_back_on_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATALAKE_API_TOKEN", TOKEN)

        assert load_credentials().api_token.get_secret_value() == TOKEN

    def test_another_name_never_falls_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATALAKE_API_TOKEN", TOKEN)

        with pytest.raises(ConfigurationError, match="saved as 'datalak'"):
            load_credentials("datalak")

    def test_without_block_and_environment_the_error_names_both(self) -> None:
        with pytest.raises(ConfigurationError, match=r"saved as 'datalake'.*No API token"):
            load_credentials()


def test_prefect_registers_both_blocks(launcher: Launcher, prefect_server: PrefectServer) -> None:
    process = launcher.run(["-m", "prefect", "block", "register", "-m", "prefect_tasks"], "register")

    assert process.wait(240) == 0, prefect_server.log("register")
    assert "registered 2 blocks" in prefect_server.log("register")


def test_importing_the_collection_loads_no_client_and_no_platform() -> None:
    heavy = "{'httptools', 'requests', 'PIL', 'sqlalchemy', 'datalake_ops.hook', 'prefect_tasks.tasks'}"
    program = (
        "import sys, prefect; before = set(sys.modules); import prefect_tasks; "
        f"print(({heavy} & set(sys.modules)) - before)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=180, check=True)

    assert done.stdout.strip() == "set()"
