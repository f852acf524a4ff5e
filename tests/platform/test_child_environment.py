"""Variables that programs and other children of the platform inherit from its environment."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.job_lab import Lab, program_arguments

SECRETS = (
    "AWS_SECRET_ACCESS_KEY",
    "AIRFLOW__CORE__FERNET_KEY",
    "PGPASSWORD",
    "NVIDIA_API_KEY",
    "DATALAKE_API_TOKEN",
    "ANYTHING_ELSE",
)
PASSED_ON = ("CUDA_CACHE_PATH", "SSL_CERT_FILE", "NO_PROXY", "TZ")


@pytest.fixture(scope="module")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    """A platform in whose environment there are secrets; it has been told to pass one variable on."""
    folder = tmp_path_factory.mktemp("environment")
    with pytest.MonkeyPatch.context() as patch:
        for name in (*SECRETS, "MODEL_CACHE"):
            patch.setenv(name, f"secret of {name}")
        for name in PASSED_ON:
            patch.setenv(name, f"value-of-{name}")
        arguments = [*program_arguments(folder), "--program-env", "MODEL_CACHE"]
        with PlatformServer(home=folder / "home", arguments=arguments) as server:
            yield server


@pytest.fixture(scope="module")
def guarded(guarded_server: PlatformServer) -> Lab:
    return Lab(guarded_server)


def test_programs_get_what_is_on_the_list_and_no_secret(guarded: Lab) -> None:
    job = guarded.api.ended(guarded.launch(parameters={"show_environment": True}))

    line = next(line for line in guarded.api.log(job) if line.startswith("variables "))
    variables = json.loads(line.removeprefix("variables "))
    assert not [name for name in SECRETS if name in variables]
    assert [variables[name] for name in PASSED_ON] == [f"value-of-{name}" for name in PASSED_ON]
    assert variables["MODEL_CACHE"] == "secret of MODEL_CACHE"
    assert {"PATH", "api_token", "organization_id", "job_id", "host"} <= set(variables)


def test_the_shim_and_the_reader_of_pictures_know_no_secret_either(
    guarded: Lab, guarded_server: PlatformServer, tmp_path: Path
) -> None:
    # Registers data, which starts a reader.
    lab = Lab(guarded_server)
    job = lab.launch(parameters={"wait_for": str(tmp_path / "go")})
    lab.until_line(job, "environment")

    found = {name: environments_of(name) for name in ("probe_worker", "shim.py")}
    (tmp_path / "go").touch()
    lab.api.ended(job)

    assert all(found.values())
    assert not [name for name, environments in found.items() if any(b"secret of" in one for one in environments)]


def environments_of(word: str) -> list[bytes]:
    """Environments of the children of this test's platform with a word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        # Processes end at any time.
        with contextlib.suppress(OSError):
            environment = (path / "environ").read_bytes()
            if word.encode() in (path / "cmdline").read_bytes() and b"TZ=value-of-TZ" in environment:
                found.append(environment)
    return found


def test_a_variable_that_is_not_set_is_refused_at_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="NOT_SET_ANYWHERE is not set"),
        PlatformServer(home=tmp_path / "home", arguments=["--program-env", "NOT_SET_ANYWHERE"]),
    ):
        pass
