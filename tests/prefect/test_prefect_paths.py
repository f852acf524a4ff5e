"""Paths that others hold: modules of earlier releases, entry points of stored deployments, the safety command."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.blocks.core import Block
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.dispatch import lookup_type

import prefect_tasks

ROOT = Path(prefect_tasks.__file__).parents[1]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("assets", ["Written", "tell", "tell_of_run", "lake_uri"]),
        ("automations", ["install_automations", "safety_deployments"]),
        ("guards", ["datalake_guards"]),
        ("limits", ["ensure_limits"]),
        ("places", ["write_manifest"]),
        ("reaper", ["reap_orphan_jobs"]),
        ("safety", ["serve_safety"]),
        ("watcher", ["job_watcher"]),
        ("blocks", ["DatalakeCredentials", "load_credentials"]),
        ("jobs", ["DatalakeJob", "DatalakeJobRun"]),
    ],
)
def test_a_module_of_an_earlier_release_is_still_there(path: str, names: list[str]) -> None:
    module = importlib.import_module(f"prefect_tasks.{path}")

    assert all(callable(getattr(module, name)) for name in names)


@pytest.mark.parametrize(
    ("entry_point", "name"),
    [
        ("prefect_tasks.watcher.job_watcher", "job-watcher"),
        ("prefect_tasks.reaper.reap_orphan_jobs", "reap-orphan-jobs"),
        ("prefect_tasks/watcher.py:job_watcher", "job-watcher"),
        ("prefect_tasks/reaper.py:reap_orphan_jobs", "reap-orphan-jobs"),
        ("prefect_tasks.flows.ingest_folder", "ingest-folder"),
        ("prefect_tasks.flows.sync_bucket", "sync-bucket"),
    ],
)
def test_a_stored_deployment_finds_its_flow(entry_point: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert load_flow_from_entrypoint(entry_point).name == name


@pytest.mark.parametrize("slug", ["datalake-credentials", "datalake-job"])
def test_a_saved_block_finds_its_class(slug: str) -> None:
    assert lookup_type(Block, slug).__module__ in ("prefect_tasks.blocks", "prefect_tasks.jobs")


def test_the_safety_command_says_how_it_is_used() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "prefect_tasks.safety", "--help"],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip

    assert shown.stdout.startswith("usage: python -m prefect_tasks.safety")
    assert all(word in shown.stdout for word in ("deploy", "serve", "--pool", "--zombie-after", "--reap-every"))
