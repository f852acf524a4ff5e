"""What the demo shows: progress while it works, then tables of what the platform says, then how to look further."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from datalake_ops.demo.photographs import SHIPPED, Hand
from datalake_ops.demo.worlds import ROOT, World
from datalake_ops.terminal import end_progress, show_progress, table

if TYPE_CHECKING:
    from datalake_ops.demo.embedded import Embedded
    from datalake_ops.demo.run import Done
    from datalake_ops.wire.jobs import Job

# The last states told where there is no terminal.
_shown: list[str] = []


def opening(
    images: Path | None, originals: Sequence[Path], prepared: Sequence[Path], platform: Embedded, seconds: float
) -> None:
    """Say what is worked with."""
    altered = len(prepared) - len(originals)
    print(f"images     {len(originals)} photographs from {_near(images or SHIPPED)}, {altered} altered copies")
    if images is None:
        print("           licences in LICENCES.md there; the camera in their EXIF is invented for the demo")
    print(f"platform   {platform.connection.host}, ready after {seconds:.1f} s")


def pipeline(world: World, file: Path, hand: Hand) -> None:
    """Announce a pipeline."""
    print(f"\n{world.title:<10} {_near(file)}")
    print(f"           {len(hand.in_folder)} files in a folder, {len(hand.in_bucket)} objects in the bucket")


def plain_python(processing: str) -> None:
    """Announce the last part."""
    print(f"\nPython     hook.launch_processing({processing!r}, hook.list_data()) in both lakes", flush=True)


def progress(seconds: float, data: int, jobs: Sequence[tuple[str, Job]]) -> None:
    """Say how far the platform is: on a terminal in one line that changes, elsewhere a line when a job changes."""
    states = ", ".join(f"{name} {job.status.lower()}" for name, job in jobs)
    line = f"  {seconds:5.1f} s  {data:3} data  {states}" if data or jobs else f"  {seconds:5.1f} s  starting"
    if sys.stderr.isatty():
        show_progress(line)
    elif states and [states] != _shown:
        _shown[:] = [states]
        print(line, flush=True)


def finished(seconds: float) -> None:
    """End a pipeline's progress."""
    end_progress()
    print(f"  {seconds:5.1f} s  done", flush=True)


def results(done: Sequence[Done]) -> None:
    """The tables; every number is the platform's."""
    rows: list[tuple[object, ...]] = [
        ("files in the folder", *(len(one.hand.in_folder) for one in done)),
        ("objects in the bucket", *(len(one.hand.in_bucket) for one in done)),
        ("data in the lake", *(one.evidence.data for one in done)),
        ("  with metadata from EXIF", *(one.evidence.with_exif for one in done)),
        ("  with a thumbnail", *(one.evidence.thumbnails for one in done)),
        ("bytes in the lake", *(f"{one.evidence.bytes:,}" for one in done)),
    ]
    names = sorted({name for one in done for name in one.evidence.tags})
    rows.append(("groups of near duplicates", *(one.evidence.duplicate_groups for one in done)))
    rows.append(("altered copies recognised", *(one.evidence.recognised for one in done)))
    rows += [(f"tag {name}", *(one.evidence.tags.get(name, 0) for one in done)) for name in names]
    rows.append(("seconds, start to end", *(f"{one.seconds:.1f}" for one in done)))
    print("\n" + "\n".join(table(("", *(one.world.title for one in done)), rows)) + "\n")
    jobs = [
        (one.world.name, starter, name, job.id, str(job.status).lower(), _seconds(job))
        for one in done
        for starter, name, job in one.evidence.jobs
    ]
    print("\n".join(table(("lake", "started by", "job", "id", "status", "seconds"), jobs)) + "\n")


def verdict(problems: Sequence[str]) -> None:
    """Say whether all is as it should be."""
    if problems:
        print("Not as it should be:\n" + "\n".join(f"  {problem}" for problem in problems))
    else:
        print("The lakes hold, byte for byte, what was sent; every job succeeded; both pipelines found the same.")


def kept(platform: Embedded, work: Path) -> None:
    """Say how to look further, and how to stop what stays."""
    program = _near(Path(sys.executable).parent / "datalake-ops")
    print(f"""
The platform stays up:
  export DATALAKE_HOST={platform.connection.host} DATALAKE_API_TOKEN={platform.connection.api_token}
  {program} list --lake airflow --tag blurred
  {program} launch near-duplicates --lake prefect --tag demo --wait
  {platform.connection.host}/docs shows its API; files dropped into {platform.bucket} can be imported
Stop it, then remove its files:
  kill {platform.process.pid}
  rm -r {work}""")


def further() -> None:
    """Say how to look further when nothing stays."""
    print("Look further: `make demo KEEP=1` leaves the platform up; `make demo IMAGES=dir` takes your own images.")


def failed(work: Path) -> None:
    """Say where the logs are."""
    print(f"The demo did not succeed. Logs: {work / 'logs'}", file=sys.stderr)


def _seconds(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return "-"
    return f"{(job.finished_at - job.started_at).total_seconds():.2f}"


def _near(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
