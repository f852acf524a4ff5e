"""The template `datalake` of Picsellia's command line, from `init` to jobs that change a lake."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest

from datalake_ops.errors import JobFailedError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from tests.picsellia.workshop import Workshop, tagged

HERE = Path(__file__).resolve().parent
TAG_THE_DATA = """tag = datalake.get_or_create_data_tag("seen")
    for data in datalake.list_data(ids=data_ids_to_process):
        data.add_tags(tag)"""
LOAD_THE_DATA = """from picsellia_cv_engine.steps.base.datalake.loader import load_datalake
from steps import process"""


def test_an_unmodified_template_is_tested_deployed_and_launched(
    workshop: Workshop, hook: DatalakeHook, lake: str
) -> None:
    workshop.init("template", "datalake")
    made = {
        path: path.read_bytes() for path in (workshop.folder / "template").rglob("*.py") if ".venv" not in str(path)
    }
    workshop.set_target("template", lake)

    local = workshop.pipeline("test", "template", "--run-config-file", workshop.run_config("template"))
    workshop.deploy("template")
    job = workshop.launch(hook, "template")

    assert "Processing pipeline 'template' run complete" in local
    assert len(made) == 6
    assert {path: path.read_bytes() for path in made} == made
    assert (job.status.value, job.exit_code) == ("SUCCEEDED", 0)
    log = "\n".join(hook.job_log(job))
    assert "(1/1) process execution time" in log
    assert re.search(r"example_input *\| example_value", log)


@pytest.fixture(scope="module")
def deployed(workshop: Workshop) -> Workshop:
    """The folder with the pipeline `edited`, whose step tags the data of its job."""
    workshop.init("edited", "datalake")
    workshop.edit("edited/steps.py", "# Your logic goes here ...", TAG_THE_DATA)
    workshop.deploy("edited")
    return workshop


class TestAnEditedStep:
    """Three lines that tag the data of the job, deployed once and launched by many run configs."""

    @pytest.fixture
    def pipelines(self, deployed: Workshop, lake: str) -> Workshop:
        """The folder with a fresh run config, whose target is the lake of the test."""
        deployed.reset_run_config("edited")
        deployed.set_target("edited", lake)
        return deployed

    def test_the_window_of_a_run_config_counts_from_the_newest(self, pipelines: Workshop, hook: DatalakeHook) -> None:
        pipelines.edit(pipelines.run_config("edited"), "offset = 0\nlimit = 10", "offset = 1\nlimit = 2")

        pipelines.launch(hook, "edited")

        assert tagged(hook, "seen") == {"1.jpg", "2.jpg"}

    def test_the_local_test_works_on_the_data_that_the_launch_does(
        self, pipelines: Workshop, hook: DatalakeHook
    ) -> None:
        pipelines.edit(pipelines.run_config("edited"), "offset = 0\nlimit = 10", "offset = 0\nlimit = 3")

        pipelines.pipeline("test", "edited", "--run-config-file", pipelines.run_config("edited"))

        assert tagged(hook, "seen") == {"1.jpg", "2.jpg", "3.jpg"}

    def test_named_data_are_the_data_of_the_job(self, pipelines: Workshop, hook: DatalakeHook) -> None:
        named = [str(data.id) for data in hook.iter_data() if data.filename in ("0.jpg", "3.jpg")]
        pipelines.edit(pipelines.run_config("edited"), "[inputs]\n", f"[inputs]\ndata_ids = {named}\n")

        job = pipelines.launch(hook, "edited")

        assert tagged(hook, "seen") == {"0.jpg", "3.jpg"}
        assert (job.processing_job or {})["inputs"] == {"example_input": "example_value"}

    def test_a_step_that_fails_fails_the_job(self, pipelines: Workshop, hook: DatalakeHook) -> None:
        pipelines.edit("edited/steps.py", "data.add_tags(tag)", "data.add_tag(tag)")

        with pytest.raises(JobFailedError) as failure:
            pipelines.launch(hook, "edited")
        pipelines.edit("edited/steps.py", "data.add_tag(tag)", "data.add_tags(tag)")

        assert failure.value.job is not None
        assert failure.value.job.exit_code == 1
        assert any("'Data' object has no attribute 'add_tag'" in line for line in failure.value.log)

    def test_a_second_deploy_updates_the_processing(self, pipelines: Workshop, hook: DatalakeHook) -> None:
        pipelines.deploy("edited")

        assert [one.docker_tag for one in hook.list_processings() if one.name == "edited"] == ["latest"]

    @pytest.mark.parametrize(
        ("section", "word"),
        [
            ('[output.datalake]\nname = "nowhere"\n', "Datalake 'nowhere' was not found"),
            ('[inputs]\noutput_datalake_id = "00000000-0000-4000-8000-000000000000"\n', "was not found"),
            ('[inputs]\nexample_inptu = "typo"\n', "example_inptu are not declared"),
            ("[run_parameters]\noffset = 4\nlimit = 10\n", "no data from offset 4"),
        ],
        ids=["output by name", "output by id", "input", "window"],
    )
    def test_what_does_not_exist_is_refused_and_nothing_runs(
        self, pipelines: Workshop, hook: DatalakeHook, section: str, word: str
    ) -> None:
        name, _, values = section.partition("\n")
        pipelines.add_to_section("edited", name, values)

        said = pipelines.run("pxl-pipeline", "launch", "edited", "--run-config-file", pipelines.run_config("edited"))

        assert "Error during launch" in said
        assert word in said
        assert not tagged(hook, "seen")


def test_the_engine_reads_and_writes_the_lakes_of_its_job(
    workshop: Workshop, server: PlatformServer, hook: DatalakeHook, lake: str
) -> None:
    name = f"output-{uuid4().hex[:8]}"
    output = server.add_lake(name)
    workshop.init("engine", "datalake")
    workshop.set_target("engine", lake)
    workshop.edit("engine/pipeline.py", "from steps import process", LOAD_THE_DATA)
    workshop.edit("engine/pipeline.py", "    process()\n", "    loaded = load_datalake()\n    process(loaded)\n")
    (workshop.folder / "engine" / "steps.py").write_text((HERE / "engine_steps.py").read_text())
    workshop.add_to_section("engine", "[output.datalake]", f'name = "{name}"\n')
    workshop.deploy("engine")

    job = workshop.launch(hook, "engine")

    assert f"processed 4 data into {name}" in hook.job_log(job)
    assert tagged(hook, "loaded") == {f"{number}.jpg" for number in range(4)}
    for data in hook.iter_data():
        assert ((data.metadata or {})["weather"], data.custom_metadata) == ("sunny", {"width": 64})
        assert [one.name for one in hook.list_projections(data)] == ["small"]
    with server.hook(datalake_id=output) as other:
        assert tagged(other, "small") == {f"{number}.jpg" for number in range(4)}
        origins = {(one.custom_metadata or {})["from"] for one in other.iter_data()}
        assert origins == {str(one.id) for one in hook.iter_data()}
