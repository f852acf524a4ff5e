"""A folder of pipelines in which `pxl-pipeline` works as on a user's machine, signed in to a platform."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import toml
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.wire.jobs import Job

# The answers of `deploy` after the image's name: processors and GPUs.
RESOURCES = "1\n0\n"


@dataclass(frozen=True)
class Workshop:
    """A folder of pipelines on one machine, signed in to a platform."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str, answers: str = "") -> str:
        """Run a command that must succeed, and return what it printed."""
        done = subprocess.run(
            words, cwd=self.folder, env=self.environment, input=answers, capture_output=True, text=True, timeout=240,
            check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    def pipeline(self, *words: str, answers: str = "") -> str:
        """Run `pxl-pipeline`, and return what it printed; a cross in it is a failure, though the exit code is 0."""
        said = self.run("pxl-pipeline", *words, answers=answers)
        assert "❌" not in said, said
        return said

    def init(self, name: str, template: str) -> None:
        """Make a pipeline of a template."""
        self.pipeline("init", name, "--type", "processing", "--template", template)

    def deploy(self, name: str) -> None:
        """Deploy a pipeline as the image `tests/NAME`; it asks for what the template's config leaves out."""
        said = self.pipeline("deploy", name, "--bump", "patch", answers=f"tests/{name}\n{RESOURCES}")
        assert "Error" not in said, said

    def launch(self, hook: DatalakeHook, name: str) -> Job:
        """Launch a pipeline by its run config, and wait until its job has succeeded."""
        said = self.pipeline("launch", name, "--run-config-file", self.run_config(name))
        found = re.search(r"/jobs/([0-9a-f-]{36})", said)
        assert found, said
        return hook.wait_for_job(found[1], timeout=240)

    @staticmethod
    def run_config(name: str) -> str:
        """Path of a pipeline's run config, within the folder."""
        return f"{name}/runs/run_config.toml"

    def set_target(self, name: str, lake: str) -> None:
        """Write the lake that a pipeline works on into its run config."""
        self.edit(self.run_config(name), 'target_id = ""', f'target_id = "{lake}"')

    def reset_run_config(self, name: str) -> None:
        """Write a pipeline's run config as `init` wrote it; a launch writes into it what it used."""
        file, kept = self.folder / self.run_config(name), self.folder / name / "runs" / "run_config.kept"
        if not kept.exists():
            kept.write_text(file.read_text())
        file.write_text(kept.read_text())

    def add_to_section(self, name: str, section: str, values: str) -> None:
        """Put values into a section of a pipeline's run config, in place of those of the same names."""
        file = self.folder / self.run_config(name)
        config = toml.loads(file.read_text())
        added = toml.loads(f"{section}\n{values}")
        for title, value in added.items():
            config[title] = {**config.get(title, {}), **value}
        file.write_text(toml.dumps(config))

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands once in a file."""
        file = self.folder / path
        assert file.read_text().count(old) == 1, file.read_text()
        file.write_text(file.read_text().replace(old, new))


def a_picture(path: Path, number: int) -> str:
    """A noisy JPEG, another one for each number."""
    Image.effect_noise((64, 48), 40 + 10 * number).save(path)
    return str(path)


def tagged(hook: DatalakeHook, tag: str) -> set[str]:
    """Names of the files that carry a tag."""
    return {data.filename for data in hook.iter_data(tags=[tag])}
