"""Make the project's environments under `.venvs/`, and do nothing when they are as they should be.

Needs only a bare Python: `python3 scripts/setup.py [core] [airflow] ...`. An environment carries a stamp of what
it was made from; it is brought up to date when that changed, and made anew when it is broken or half made.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"
TOOLS = VENVS / "tools"
# The extras whose packages each environment's requirements file holds, beside those of its `.in` file.
EXTRAS = {
    "core": ("platform", "heic", "jxl", "dev"),
    "airflow": ("airflow", "platform"),
    "airflow31": ("airflow",),
    "airflow211": ("airflow",),
    "celery": ("airflow", "platform"),
    "prefect": ("prefect", "platform"),
    "prefect39": ("prefect", "platform"),
    "prefect-scale": ("prefect", "platform", "dask", "ray"),
    "picsellia": (),
}
OLDEST_PYTHON = (3, 11)
# The newest Python that an old orchestrator, or NumPy 1, runs on; a newer one is left to uv to find or to fetch.
NEWEST_PYTHON = {"airflow211": (3, 12), "airflow31": (3, 13), "picsellia": (3, 12)}


def main(arguments: list[str]) -> int:
    """Make the named environments (all without names); `--compile` writes the requirements files instead.

    Compiled files keep the versions that they name where these still fit; `--upgrade` takes the newest ones.
    """
    if sys.version_info < OLDEST_PYTHON:
        return _refuse("This project needs Python 3.11 or newer; name one with `make setup PYTHON=python3.12`.")
    names = [name for name in arguments if not name.startswith("-")] or list(EXTRAS)
    unknown = sorted(set(names) - set(EXTRAS))
    if unknown:
        return _refuse(f"No such environment: {', '.join(unknown)}; known are {', '.join(EXTRAS)}.")
    VENVS.mkdir(exist_ok=True)
    with (VENVS / ".lock").open("w") as lock:
        # Two `make` at once would write into each other's environments.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            for name in names:
                if "--compile" in arguments:
                    compile_requirements(name, upgrade="--upgrade" in arguments)
                else:
                    make_environment(name)
        except subprocess.CalledProcessError as error:
            return _refuse(f"This command failed with exit code {error.returncode}: {' '.join(map(str, error.cmd))}")
    return 0


def make_environment(name: str) -> None:
    """Bring one environment to the state that its requirements file and the project's metadata ask for."""
    folder, wanted = VENVS / name, fingerprint(name)
    stamp = read_stamp(folder)
    whole = is_whole(folder, stamp)
    if whole and stamp["fingerprint"] == wanted:
        return
    started = time.monotonic()
    uv = tool_uv()
    # From here on the environment counts as half made: an interrupted run leaves no stamp.
    (folder / "stamp.json").unlink(missing_ok=True)
    if not (whole and stamp["python"] == sys.version):
        print(f"Making .venvs/{name} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        run(uv, "venv", "--quiet", "--python", interpreter(name), folder)
    else:
        print(f"Updating .venvs/{name} ...", flush=True)
    python = ("--quiet", "--python", folder / "bin" / "python")
    run(uv, "pip", "sync", *python, "--index-strategy", "unsafe-best-match", ROOT / "requirements" / f"{name}.txt")
    run(uv, "pip", "install", *python, "--no-deps", "--editable", ROOT)
    write_stamp(folder, wanted)
    print(f"  .venvs/{name} is ready after {time.monotonic() - started:.0f} s.", flush=True)


def interpreter(name: str) -> str:
    """The Python of an environment: the running one, unless it is too new for what the environment holds."""
    newest = NEWEST_PYTHON.get(name)
    if newest is None or sys.version_info[:2] <= newest:
        return sys.executable
    return ".".join(map(str, newest))


def compile_requirements(name: str, *, upgrade: bool = False) -> None:
    """Write one requirements file for Python 3.11 and later on every system, with versions and without addresses."""
    extras = [argument for extra in EXTRAS[name] for argument in ("--extra", extra)]
    form = ("--universal", "--python-version", "3.11", "--no-annotate", "--no-header", "--no-emit-index-url")
    target = f"requirements/{name}.txt"
    sources = ("pyproject.toml", f"requirements/{name}.in")
    run(
        *(tool_uv(), "pip", "compile", "--quiet", "--index-strategy", "unsafe-best-match", *form, *extras),
        *(*(("--upgrade",) if upgrade else ()), *sources, "-o", target),
    )
    print(f"{target} is written.", flush=True)


def tool_uv() -> Path:
    """The pinned uv in its own small environment, installed by pip when it is not there yet."""
    uv, pinned = TOOLS / "bin" / "uv", (ROOT / "requirements" / "tools.txt").read_text()
    stamp = TOOLS / "stamp.txt"
    if stamp.is_file() and stamp.read_text() == pinned and _runs(uv, "--version"):
        return uv
    shutil.rmtree(TOOLS, ignore_errors=True)
    print("Installing uv into .venvs/tools ...", flush=True)
    try:
        run(sys.executable, "-m", "venv", TOOLS)
    except subprocess.CalledProcessError:
        # Debian and its relatives part `venv` from Python itself.
        print("`python3 -m venv` failed; where Python comes without it, install the system's python3-venv package.")
        raise
    run(TOOLS / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", ROOT / "requirements" / "tools.txt")
    stamp.write_text(pinned)
    return uv


def fingerprint(name: str) -> str:
    """What an environment depends on, as one hash: versions, metadata, interpreter, and where the clone lies."""
    digest = hashlib.sha256()
    for part in ((ROOT / "requirements" / f"{name}.txt").read_text(), project_tables(), sys.version, str(ROOT)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def project_tables() -> str:
    """The tables of pyproject.toml that shape an installation; a changed linter setting must not remake anything."""
    # The text of the tables is hashed, comments included; headers at the start of a line are all that is needed here.
    kept, keep = [], False
    for line in (ROOT / "pyproject.toml").read_text().splitlines():
        if line.startswith("["):
            keep = line.startswith(("[build-system]", "[project", "[tool.hatch"))
        if keep and line.strip():
            kept.append(line)
    return "\n".join(kept)


def is_whole(folder: Path, stamp: dict[str, object]) -> bool:
    """Whether the environment has everything it had when it was made, and its interpreter runs."""
    contents = stamp.get("contents")
    present = isinstance(contents, list) and set(contents) <= set(_contents(folder))
    return present and _runs(folder / "bin" / "python", "-c", "")


def read_stamp(folder: Path) -> dict[str, object]:
    """The environment's stamp, or an empty one when it was never finished."""
    try:
        stamp = json.loads((folder / "stamp.json").read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(folder: Path, wanted: str) -> None:
    """Say that the environment is finished, and what it then held."""
    stamp = {"fingerprint": wanted, "python": sys.version, "contents": _contents(folder)}
    (folder / "stamp.json").write_text(json.dumps(stamp))


def _contents(folder: Path) -> list[str]:
    found = [*folder.glob("lib/python*/site-packages/*"), *folder.glob("bin/*")]
    return sorted(path.name for path in found if path.name != "__pycache__")


def _runs(*command: object) -> bool:
    try:
        return subprocess.run([str(part) for part in command], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(*command: object) -> None:
    """Run a command in the project's folder and show what it says.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    subprocess.run([str(part) for part in command], cwd=ROOT, env=environment(), check=True)


def environment() -> dict[str, str]:
    """This process's environment, with pip's index and certificates named again for uv, which reads only its own."""
    # An activated environment or a foreign PYTHONPATH must not leak into the ones made here.
    passed = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    for pip_name, uv_name in (("PIP_INDEX_URL", "UV_DEFAULT_INDEX"), ("PIP_CERT", "SSL_CERT_FILE")):
        if pip_name in passed:
            passed.setdefault(uv_name, passed[pip_name])
    return passed


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
