"""`python -m prefect_tasks.doctor`: what of Prefect and the datalake works from here, and what to do about the rest."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from prefect import get_client
from prefect.settings import get_current_settings

from datalake_ops.config import RetryPolicy
from datalake_ops.errors import DatalakeError
from prefect_tasks.blocks import DEFAULT_BLOCK, load_credentials
from prefect_tasks.runs import concurrency_limits
from prefect_tasks.safety.automations import REAP, RESUME, ZOMBIES

Verdict = Literal["ok", "warn", "FAIL"]
OLDEST_PREFECT = (3, 7, 1)
# The server of Prefect before 3.9.1 does not start with this FastAPI or a newer one, and schedules no runs with this
# SQLAlchemy or a newer one.
MENDED_PREFECT, FASTAPI_TOO_NEW, SQLALCHEMY_TOO_NEW = (3, 9, 1), (0, 151), (2, 1)
# What the safety of jobs needs, beyond the wire of every platform.
_NEEDED = ("idempotency-key", "job-kill", "job-labels")


@dataclass(frozen=True)
class CheckResult:
    """One thing looked at: fine, fine but for something, or not fine; `advice` is what to do."""

    name: str
    verdict: Verdict
    text: str
    advice: str = ""

    def __str__(self) -> str:
        advice = f"\n      -> {self.advice}" if self.advice else ""
        return f"{self.verdict:<4}  {self.name:<12} {self.text}{advice}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found; 1 when something does not work."""
    parser = argparse.ArgumentParser(prog="python -m prefect_tasks.doctor", description=__doc__)
    parser.add_argument("--credentials", default=DEFAULT_BLOCK, help="name of the saved block (default: %(default)s)")
    findings = examine(parser.parse_args(arguments).credentials)
    for finding in findings:
        print(finding)
    return 1 if any(finding.verdict == "FAIL" for finding in findings) else 0


def examine(credentials: str = DEFAULT_BLOCK) -> list[CheckResult]:
    """Look at everything; one thing that cannot be looked at stops no other."""
    findings = [*look("versions", versions), *look("server", server)]
    reached = all(finding.verdict != "FAIL" for finding in findings if finding.name == "server")
    findings += look("datalake", lambda: datalake(credentials))
    if reached:
        for name, check in (("limits", missing_limits), ("automations", automations), ("results", results)):
            findings += look(name, check)
    return findings


def look(name: str, check: Callable[[], Iterator[CheckResult]]) -> list[CheckResult]:
    """Return the results of a check, or the error that it raised as a result."""
    try:
        return list(check())
    except Exception as error:  # noqa: BLE001 # Whatever goes wrong is what the doctor was asked for.
        return [CheckResult(name, "FAIL", f"{type(error).__name__}: {error}", "see the error")]


def versions() -> Iterator[CheckResult]:
    """Prefect is new enough, and its server can start here."""
    prefect, fastapi, sqlalchemy = version("prefect"), _version("fastapi"), _version("sqlalchemy")
    ours = f"Python {platform.python_version()}, datalake-ops {_version('datalake-ops')}"
    told = f"{ours}, prefect {prefect}, fastapi {fastapi}, sqlalchemy {sqlalchemy}"
    advice = []
    if _numbers(fastapi)[:2] >= FASTAPI_TOO_NEW:
        advice.append("a Prefect server does not start here: pip install 'fastapi<0.151' where it runs")
    if _numbers(sqlalchemy)[:2] >= SQLALCHEMY_TOO_NEW:
        advice.append("a Prefect server schedules no runs here: pip install 'sqlalchemy<2.1' where it runs")
    if _numbers(prefect) < OLDEST_PREFECT:
        yield CheckResult("versions", "FAIL", told, "install prefect>=3.7.1")
    elif _numbers(prefect) < MENDED_PREFECT and advice:
        yield CheckResult("versions", "warn", told, "; ".join(advice))
    else:
        yield CheckResult("versions", "ok", told)


def server() -> Iterator[CheckResult]:
    """A Prefect server answers."""
    url = get_current_settings().api.url
    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
        told = f"{url or 'ephemeral'}"
        if error is not None:
            yield CheckResult(
                "server", "FAIL", f"{told} does not answer: {error}", "prefect server start, or set PREFECT_API_URL"
            )
        elif url is None:
            yield CheckResult(
                "server", "warn", "ephemeral: it lives as long as one process", "set PREFECT_API_URL for deployments"
            )
        else:
            yield CheckResult("server", "ok", f"{told}, version {client.api_version()}")


def datalake(credentials: str) -> Iterator[CheckResult]:
    """The block is there, and opens a lake that offers what the safety of jobs needs."""
    try:
        block = load_credentials(credentials)
    except DatalakeError as error:
        yield CheckResult("block", "FAIL", str(error), "prefect block register -m prefect_tasks, then save one")
        return
    saved = block._block_document_name
    advice = "" if saved else "save it, so that deployments find it: DatalakeCredentials.from_env().save('datalake')"
    yield CheckResult("block", "ok" if saved else "warn", f"{saved or 'from the environment'}", advice)
    # One try: who asks what is wrong wants to be told, not to wait until it may be right again.
    from datalake_ops.hook import DatalakeHook

    with DatalakeHook.from_connection(block.connection.with_(retry=RetryPolicy(attempts=1))) as hook:
        fine, text = hook.test_connection()
        yield CheckResult("datalake", "ok" if fine else "FAIL", text, "" if fine else "see `datalake-ops doctor`")
        if fine and (lacking := [one for one in _NEEDED if one not in hook.context.extensions]):
            yield CheckResult(
                "extensions",
                "warn",
                f"the platform lacks {', '.join(lacking)}",
                "a repeated launch starts a second job, a stopped run leaves its jobs: docs/platform-differences.md",
            )


def missing_limits() -> Iterator[CheckResult]:
    """The concurrency limits that `ensure_limits` makes are there."""
    missing = concurrency_limits.missing_limits(list(concurrency_limits.DEFAULTS))
    if missing:
        advice = "python -c 'from prefect_tasks import ensure_limits; ensure_limits()', if a task is to hold one"
        yield CheckResult("limits", "warn", f"there is no {', '.join(missing)}", advice)
    else:
        yield CheckResult("limits", "ok", ", ".join(concurrency_limits.DEFAULTS))


def automations() -> Iterator[CheckResult]:
    """The automations that look after jobs of lost runs are installed and enabled."""
    with get_client(sync_client=True) as client:
        found = {one.name for one in client.read_automations() if one.enabled}
    missing = [name for name in (RESUME, REAP, ZOMBIES) if name not in found]
    if missing:
        advice = "prefect_tasks.install_automations('your-work-pool'): jobs of runs that are lost are then cancelled"
        yield CheckResult("automations", "warn", f"there is no {', '.join(map(repr, missing))}", advice)
    else:
        yield CheckResult("automations", "ok", "jobs of lost runs are cancelled, suspended runs are resumed")


def results() -> Iterator[CheckResult]:
    """Results lie where a retry on another machine finds them."""
    settings = get_current_settings().results
    if settings.default_storage_block:
        yield CheckResult("results", "ok", f"in {settings.default_storage_block}")
        return
    with get_client(sync_client=True) as client:
        pools = [pool.name for pool in client.read_work_pools() if pool.type != "process"]
    where = f"in {settings.local_storage_path} of each worker"
    advice = "share that folder, or set PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: a retry elsewhere starts its jobs anew"
    yield CheckResult("results", "warn" if pools else "ok", where, advice if pools else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "0 (not installed)"


def _numbers(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split(".")[:3]:
        digits = "".join(letter for letter in part if letter.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)


if __name__ == "__main__":
    sys.exit(main())
