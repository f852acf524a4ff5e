"""Output of the demo: progress, tables of what the platform holds, and commands for looking further."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from datalake_ops.demo.not_taken import NotTaken, by_reason
from datalake_ops.demo.photographs import SHIPPED, Hand
from datalake_ops.demo.worlds import ROOT, World
from datalake_ops.platform.administration.console_link import make_console_link
from datalake_ops.terminal import live_line, print_table

if TYPE_CHECKING:
    from datalake_ops.demo.embedded import Embedded
    from datalake_ops.demo.outcome import PipelineOutcome
    from datalake_ops.wire.jobs import Job

_NAMED = 3
# Seconds since the start, number of data, jobs with their names.
ShowProgress = Callable[[float, int, "Sequence[tuple[str, Job]]"], None]


def opening(
    images: Path | None, originals: Sequence[Path], prepared: Sequence[Path], platform: Embedded, seconds: float
) -> None:
    """Print the images and the platform that the demo works with."""
    altered = len(prepared) - len(originals)
    print(f"images     {len(originals)} photographs from {_near(images or SHIPPED)}, {altered} altered copies")
    if images is None:
        print("           licences in LICENCES.md there; the camera in their EXIF is invented for the demo")
    print(f"platform   {platform.connection.host}, ready after {seconds:.1f} s")


def pipeline(world: World, file: Path, hand: Hand) -> None:
    """Print the start of a pipeline."""
    print(f"\n{world.title:<10} {_near(file)}")
    print(f"           {len(hand.in_folder)} files in a folder, {len(hand.in_bucket)} objects in the bucket")


def plain_python(processing: str) -> None:
    """Print the start of the part without an orchestrator."""
    print(f"\nPython     hook.launch_processing({processing!r}, hook.list_data()) in both lakes", flush=True)


@contextmanager
def progress() -> Iterator[ShowProgress]:
    """Give a function that shows the state of the platform: one live line on a terminal, else a line per change."""
    shown = ""
    with live_line() as show:

        def tell(seconds: float, data: int, jobs: Sequence[tuple[str, Job]]) -> None:
            nonlocal shown
            states = ", ".join(f"{name} {job.status.lower()}" for name, job in jobs)
            line = f"  {seconds:5.1f} s  {data:3} data  {states}" if data or jobs else f"  {seconds:5.1f} s  starting"
            show(line)
            if not sys.stderr.isatty() and states not in ("", shown):
                shown = states
                print(line, flush=True)

        yield tell


def finished(seconds: float) -> None:
    """Print the duration of a pipeline that has ended."""
    print(f"  {seconds:5.1f} s  done", flush=True)


def results(done: Sequence[PipelineOutcome], left_out: Sequence[NotTaken]) -> None:
    """Print the tables of results; every number comes from the platform. `left_out` are files that no pipeline got."""
    rows: list[tuple[object, ...]] = [
        ("files in the folder", *(len(one.hand.in_folder) for one in done)),
        ("objects in the bucket", *(len(one.hand.in_bucket) for one in done)),
        ("not taken", *(len(one.evidence.not_taken) + len(left_out) for one in done)),
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
    print()
    print_table(("", *(one.world.title for one in done)), rows)
    print()
    _print_not_taken([*(one for pipeline in done for one in pipeline.evidence.not_taken), *left_out])
    jobs = [
        (one.world.name, starter, name, job.id, str(job.status).lower(), _seconds(job))
        for one in done
        for starter, name, job in one.evidence.jobs
    ]
    print_table(("lake", "started by", "job", "id", "status", "seconds"), jobs)
    print()


def verdict(problems: Sequence[str], some_not_taken: bool) -> None:
    """Print the problems found, or that there are none."""
    if problems:
        print("Problems found:\n" + "\n".join(f"  {problem}" for problem in problems))
    else:
        but = ", but for the files not taken" if some_not_taken else ""
        print(f"The lakes hold, byte for byte, what was sent{but}; every job succeeded; both pipelines found the same.")


def _print_not_taken(files: Sequence[NotTaken]) -> None:
    """Print the reasons that files were not taken, each with its number of files and the first names."""
    if not files:
        return
    rows = [
        (len(names), ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else ""), reason)
        for reason, names in by_reason(files)
    ]
    print_table(("not taken", "files", "reason"), rows)
    print()


def kept(platform: Embedded, work: Path) -> None:
    """Print how to use the platform that stays up, and how to stop it."""
    program = _near(Path(sys.executable).parent / "datalake-ops")
    print(f"""
The platform stays up. Its console opens at this address, once and within 5 minutes:
  {make_console_link(platform.home)}
Open a lake, click a tag (`blurred`, say), then a picture; its page leads to the job that tagged it, with its log.
Another address: {program} admin console --home {platform.home}
  export DATALAKE_HOST={platform.connection.host} DATALAKE_API_TOKEN={platform.connection.api_token}
  {program} list --lake airflow --tag blurred
  {program} launch near-duplicates --lake prefect --tag demo --wait
  {platform.connection.host}/docs shows its API; files dropped into {platform.bucket} can be imported
Stop it, then remove its files:
  kill {platform.process.pid}
  rm -r {work}""")


def further() -> None:
    """Print how to run the demo with a platform that stays up, or on other images."""
    print("Look further: `make demo KEEP=1` leaves the platform up; `make demo IMAGES=dir` takes your own images.")


def failed(work: Path) -> None:
    """Print the folder of the logs."""
    print(f"The demo did not succeed. Logs: {work / 'logs'}", file=sys.stderr)


def _seconds(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return "-"
    return f"{(job.finished_at - job.started_at).total_seconds():.2f}"


def _near(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
