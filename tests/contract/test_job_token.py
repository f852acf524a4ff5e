"""The official SDK with the token of a job, as the templates of programs use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from datalake_ops.testing import PlatformServer
from tests.platform.job_lab import IMAGE, Lab, program_arguments


@dataclass(frozen=True)
class Program:
    """What a program has: the SDK's client with its token, its job, and the lake that its inputs name."""

    client: Any
    job: dict[str, Any]
    output: str


@pytest.fixture(scope="module")
def program(sdk: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    from picsellia import Client as Sdk

    folder = tmp_path_factory.mktemp("program")
    go, token = folder / "go", folder / "token"
    with PlatformServer(arguments=program_arguments(folder)) as server:
        lab, output = Lab(server), server.add_lake("output")
        processing = lab.a_processing(IMAGE)
        declared = {"name": "output_datalake_id", "input_type": "DATALAKE", "required": False}
        lab.api.json("POST", f"/api/processing/{processing}/inputs", declared)
        parameters = {"wait_for": str(go), "token_file": str(token)}
        inputs = {"output_datalake_id": output}
        job = lab.launch(processing_id=processing, parameters=parameters, inputs=inputs)
        lab.api.until(lambda: token.exists() and bool(token.read_text()))
        yield Program(
            Sdk(api_token=token.read_text(), organization_id=lab.api.organization, host=server.url), job, output
        )
        go.touch()
        lab.api.ended(job)


def test_reads_its_job_and_the_data_of_its_lake(program: Program, tmp_path: Path) -> None:
    job = program.client.get_job_by_id(program.job["id"])
    context = job.sync()["processing_job"]

    lake = program.client.get_datalake(id=context["target_id"])
    data = lake.list_data()
    data.download(str(tmp_path))

    assert len(list(tmp_path.iterdir())) == len(data) == 1


def test_writes_to_the_lake_of_its_inputs(program: Program, photos: list[Path]) -> None:
    lake = program.client.get_datalake(id=program.output)
    tag = lake.get_or_create_data_tag(f"made-{uuid4().hex[:6]}")

    data = lake.upload_data([str(photo) for photo in photos], tags=[tag], source="program")
    lake.create_projection(data[0], "small", str(photos[1]))

    assert len(lake.list_data(tags=[tag])) == len(photos)
    assert len(data[0].list_projections()) == 1


def test_keeps_its_log(program: Program, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("all is well")
    job = program.client.get_job_by_id(program.job["id"])

    stored = job.store_logging_file(str(tmp_path / "log.txt"))

    assert program.job["id"] in stored


def test_is_refused_another_lake_and_launches(program: Program) -> None:
    from picsellia.exceptions import ForbiddenError

    lake = program.client.get_datalake(id=program.output)

    with pytest.raises(ForbiddenError, match="A job's token"):
        program.client.list_processings()
    with pytest.raises(ForbiddenError, match="A job's token"):
        lake.import_bucket_objects(["photos/"])
