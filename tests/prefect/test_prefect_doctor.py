"""`python -m prefect_tasks.doctor` says what works and what to do about the rest."""

from __future__ import annotations

import pytest

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.testing.prefect import PrefectServer
from prefect_tasks import DatalakeCredentials, doctor, ensure_limits
from tests.prefect.launcher import Launcher

pytestmark = pytest.mark.usefixtures("prefect_api")


def found(credentials: str) -> dict[str, doctor.CheckResult]:
    return {finding.name: finding for finding in doctor.examine(credentials)}


def test_says_what_works(lake: DatalakeHook, credentials: DatalakeCredentials) -> None:
    name = str(lake.context.datalake.name)
    credentials.save(name)
    ensure_limits()

    findings = found(name)

    assert findings["versions"].verdict == "ok"
    assert findings["block"].text == name
    assert (findings["datalake"].verdict, findings["limits"].verdict) == ("ok", "ok")
    assert name in findings["datalake"].text
    assert "extensions" not in findings
    assert findings["automations"].verdict == "warn"
    assert "install_automations" in findings["automations"].advice


def test_names_the_block_that_is_missing() -> None:
    findings = found("no-such-block")

    assert findings["block"].verdict == "FAIL"
    assert "no-such-block" in findings["block"].text
    assert "datalake" not in findings


def test_says_where_a_connection_stops(platform: PlatformServer, lake: DatalakeHook) -> None:
    name = f"{lake.context.datalake.name}-wrong"
    DatalakeCredentials(host=platform.url, api_token="dlo_wrong").save(name)

    finding = found(name)["datalake"]

    assert finding.verdict == "FAIL"
    assert "Token" in finding.text
    assert "dlo_wrong" not in str(finding)


@pytest.mark.parametrize(
    ("prefect", "fastapi", "sqlalchemy", "verdict"),
    [
        ("3.8.8", "0.150.2", "2.0.58", "ok"),
        ("3.8.8", "0.165.0", "2.0.58", "warn"),
        ("3.8.8", "0.150.2", "2.1.9", "warn"),
        ("3.9.1", "0.165.0", "2.1.9", "ok"),
        ("3.6.0", "0.140", "2.0.58", "FAIL"),
    ],
)
def test_knows_which_versions_do_not_go_together(
    monkeypatch: pytest.MonkeyPatch, prefect: str, fastapi: str, sqlalchemy: str, verdict: str
) -> None:
    known = {"prefect": prefect, "fastapi": fastapi, "sqlalchemy": sqlalchemy, "datalake-ops": "0.1.0"}
    monkeypatch.setattr(doctor, "version", known.__getitem__)

    (finding,) = doctor.versions()

    assert finding.verdict == verdict


def test_runs_as_a_program_and_fails_when_something_does(
    platform: PlatformServer, lake: DatalakeHook, prefect_server: PrefectServer, launcher: Launcher
) -> None:
    environment = {"DATALAKE_HOST": platform.url, "DATALAKE_NAME": str(lake.context.datalake.name)}
    name = str(lake.context.datalake.name)

    well, ill = (
        launcher.run(
            ["-m", "prefect_tasks.doctor"], f"doctor-{name}-{end}", {**environment, "DATALAKE_API_TOKEN": token}
        ).wait(240)
        for end, token in (("well", platform.token), ("ill", "dlo_wrong"))
    )

    told = prefect_server.log(f"doctor-{name}-well")
    assert well == 0, told
    assert prefect_server.api_url in told
    assert "from the environment" in told
    assert ill == 1
    assert platform.token not in told
