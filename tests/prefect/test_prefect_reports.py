"""What a retry reads out of the report of a single upload: paths, and manifests with what they may reach."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datalake_ops.errors import ConfigurationError
from datalake_ops.hook import DatalakeHook
from datalake_ops.upload.reporting.report import UploadReport
from datalake_ops.upload.reporting.rows import failed_row
from datalake_ops.upload.sources.manifest import Manifest
from prefect_tasks import write_manifest
from prefect_tasks.uploads.reports import Reports
from tests.upload.witness import Answer, Request, Witness

AnImage = Callable[[str], Path]


@pytest.fixture
def web() -> Iterator[Witness]:
    """A server that redirects its photos out of their folder, where it has pictures too."""
    with Witness() as witness:

        def script(request: Request) -> Answer | None:
            moved = request.path.startswith("/photos/")
            return Answer(302, {}, {"Location": f"{witness.url}/inside/web.png"}) if moved else Answer(body=b"picture")

        witness.script = script
        yield witness


def retried(lake: DatalakeHook, report: Path) -> list[tuple[UploadReport, Any]]:
    """The uploads that a retry of a report makes, each with its source, written beside it."""
    found = []
    for _, source, target in Reports.of(report).to_retry():
        found.append((lake.upload(source, if_exists="skip", tags="all"), source))
        found[-1][0].save(target)
    return found


def test_a_retry_reaches_no_more_than_the_manifest_and_keeps_what_that_says_of_a_file(
    lake: DatalakeHook, web: Witness, an_image: AnImage, tmp_path: Path
) -> None:
    an_image("outside.png")
    mended, plain = an_image("in/mended.png"), an_image("in/plain.png")
    contents = {path: path.read_bytes() for path in (mended, plain)}
    for path in contents:
        path.write_bytes(b"")
    refused = [{"path": "../outside.png"}, {"path": f"{web.url}/photos/web.png"}]
    own = {"path": "mended.png", "custom_metadata": {"place": "lab"}, "tags": ["own"]}
    address = write_manifest(tmp_path / "in/files.jsonl", [*refused, own])
    manifest = Manifest(address, allow=[f"{web.url}/photos"], foreign=True)

    report = lake.upload([manifest, plain], if_exists="skip").save(tmp_path / "report.jsonl")
    for path, content in contents.items():
        path.write_bytes(content)
    # Its author may take a row out and in again, which frees it of nothing.
    write_manifest(address, [refused[0], own])
    first = retried(lake, report)
    write_manifest(address, [*refused, own])
    [(second, _)] = retried(lake, report)

    assert first[0][1] == [str(plain)]
    assert [one.data.ids != [] for one, _ in first] == [True, True]
    assert [str(row.status) for row in second.files] == ["FAILED", "FAILED"]
    assert all("allow=" in str(error) for error in second.errors)
    assert not web.seen("GET", "/inside/")
    data = {one.filename: one for one in lake.list_data()}
    assert set(data) == {"mended.png", "plain.png"}
    assert data["mended.png"].custom_metadata["place"] == "lab"
    assert sorted(tag.name for tag in data["mended.png"].tags) == ["all", "own"]


def test_a_report_of_an_earlier_release_is_read_by_its_paths(tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    report.write_text(json.dumps({"path": "a.png", "status": "FAILED"}) + "\n")

    [(what, source, target)] = Reports.of(report).to_retry()

    assert (what, source) == ("1 failed files", ["a.png"])
    assert target == str(tmp_path / "report.retry-0001.jsonl")


def test_a_name_with_a_separator_of_lines_breaks_no_row(tmp_path: Path) -> None:
    failed = failed_row("a\u2028b\x85.png", ValueError("no picture"))
    report = UploadReport([failed]).save(tmp_path / "report.jsonl")

    [(_, source, _)] = Reports.of(report).to_retry()

    assert source == [failed.path]


@pytest.mark.parametrize("manifest", ["a.jsonl", {"base": "photos"}, {"path": "a.jsonl", "allow": [True]}])
def test_a_row_whose_manifest_is_none_is_no_row(manifest: Any, tmp_path: Path) -> None:
    report = tmp_path / "report.jsonl"
    report.write_text(json.dumps({"path": "a.png", "status": "FAILED", "manifest": manifest}) + "\n")

    with pytest.raises(ConfigurationError, match="Line 1"):
        list(Reports.of(report).to_retry())
