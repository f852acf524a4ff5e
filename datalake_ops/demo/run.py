"""The demo from beginning to end: prepare, run both pipelines, read what became of them, clean up."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from datalake_ops.config import Connection
from datalake_ops.demo import screen, worlds
from datalake_ops.demo.embedded import Embedded, start_platform
from datalake_ops.demo.evidence import gather
from datalake_ops.demo.not_taken import files_passed_over
from datalake_ops.demo.outcome import PipelineOutcome
from datalake_ops.demo.photographs import Hand, deal, photographs, prepare
from datalake_ops.demo.processes import DemoError, Processes
from datalake_ops.demo.worlds import World
from datalake_ops.errors import DatalakeError
from datalake_ops.hook import DatalakeHook

if TYPE_CHECKING:
    from uuid import UUID

    from datalake_ops.wire.jobs import Job

_MOST_SECONDS = 600.0
_LOOK_EVERY = 0.5
_ONE_MORE = "near-duplicates"
Runner = Callable[[World, Hand, Connection, Processes, bool], "subprocess.Popen[bytes]"]


@dataclass(frozen=True)
class Options:
    """The user's own images instead of the shipped ones, and whether the platform stays."""

    images: Path | None = None
    keep: bool = False


Jobs = list[tuple[str, str, "Job"]]


@dataclass(frozen=True)
class PipelineRun:
    """One pipeline after its run: orchestrator, files, hook, duration in seconds, and its jobs with their names."""

    world: World
    hand: Hand
    hook: DatalakeHook
    seconds: float
    jobs: Jobs


@dataclass
class DemoState:
    """State of one demo: its options, working folder, processes and platform."""

    options: Options
    work: Path
    processes: Processes
    problems: list[str] = field(default_factory=list)
    platform: Embedded | None = None


def run_demo(options: Options) -> int:
    """Run it; 0 only when both pipelines succeeded and the platform holds exactly what was sent.

    Raises:
        ConfigurationError: there are no images, or the demo was not started from a clone; nothing was started.
    """
    originals = photographs(options.images)
    worlds.check_environments()
    work = Path(tempfile.mkdtemp(prefix="datalake-ops-demo-"))
    state = DemoState(options, work, Processes(work / "logs"))
    succeeded = False
    try:
        with _ended_by_signals():
            succeeded = _perform(state, originals)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
    finally:
        _clean_up(state, succeeded)
    return 0 if succeeded else 1


def _perform(state: DemoState, originals: list[Path]) -> bool:
    airflow, prefect = worlds.airflow_world(state.work), worlds.prefect_world(state.work)
    migration = worlds.prepare_airflow(airflow, state.processes)
    prepared = prepare(originals, state.work / "prepared", invent_exif=state.options.images is None)
    started = time.monotonic()
    platform = state.platform = start_platform(state.work / "platform", (airflow.name, prefect.name), state.processes)
    screen.opening(state.options.images, originals, prepared, platform, time.monotonic() - started)
    hands = {
        world: deal(prepared, world.name, state.work / "folders" / world.name, platform.bucket)
        for world in (airflow, prefect)
    }
    screen.pipeline(airflow, worlds.AIRFLOW_DAG, hands[airflow])
    _finish(state.processes, "airflow-db", migration)
    runners: tuple[tuple[World, Runner], ...] = ((airflow, worlds.run_airflow), (prefect, worlds.run_prefect))
    with ExitStack() as open_hooks:
        ran = []
        for world, runner in runners:
            if world is prefect:
                screen.pipeline(prefect, worlds.PREFECT_FLOW, hands[prefect])
            hook = open_hooks.enter_context(DatalakeHook.from_connection(platform.lake(world.name)))
            ran.append(_run(state, world, hands[world], hook, runner))
        again = _look_once_more(ran)
        done = [
            PipelineOutcome(
                one.world,
                one.hand,
                one.seconds,
                gather(one.hook, one.hand, [*one.jobs, ("Python", *more)], state.options.images is not None),
            )
            for one, more in zip(ran, again, strict=True)
        ]
    left_out = files_passed_over(state.options.images)
    screen.results(done, left_out)
    problems = [problem for one in done for problem in one.evidence.problems] + _unlike_each_other(done)
    screen.verdict(problems, bool(left_out) or any(one.evidence.not_taken for one in done))
    return not problems


def _run(state: DemoState, world: World, hand: Hand, hook: DatalakeHook, runner: Runner) -> PipelineRun:
    known = {job.id for job in hook.find_jobs()}
    started = time.monotonic()
    # One of the user's files that cannot be read must not end the demo.
    process = runner(world, hand, hook.connection, state.processes, state.options.images is not None)
    _watch(hook, process, known, started)
    seconds = time.monotonic() - started
    _finish(state.processes, world.name, process, world.title)
    screen.finished(seconds)
    jobs = [(world.title, _name_of(hook, job), job) for job in _new_jobs(hook, known)]
    return PipelineRun(world, hand, hook, seconds, jobs)


def _look_once_more(ran: list[PipelineRun]) -> list[tuple[str, Job]]:
    """Use the same verbs without an orchestrator: launch one more processing in each lake, and wait for both."""
    screen.plain_python(_ONE_MORE)
    started = time.monotonic()
    jobs = [one.hook.launch_processing(_ONE_MORE, one.hook.list_data()) for one in ran]
    ended = [one.hook.wait_for_job(job, _MOST_SECONDS) for one, job in zip(ran, jobs, strict=True)]
    screen.finished(time.monotonic() - started)
    return [(_ONE_MORE, job) for job in ended]


def _watch(hook: DatalakeHook, process: subprocess.Popen[bytes], known: set[UUID], started: float) -> None:
    """Show what the platform says of the pipeline until its process ends."""
    names: dict[UUID, str] = {}
    with screen.progress() as show:
        while process.poll() is None:
            seconds = time.monotonic() - started
            if seconds > _MOST_SECONDS:
                raise DemoError(f"The pipeline did not end within {_MOST_SECONDS:.0f} s.")
            jobs = _new_jobs(hook, known)
            for job in jobs:
                if job.id not in names:
                    names[job.id] = _name_of(hook, job)
            show(seconds, hook.count_data(), [(names[job.id], job) for job in jobs])
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY)


def _new_jobs(hook: DatalakeHook, known: set[UUID]) -> list[Job]:
    return [job for job in reversed(hook.find_jobs()) if job.id not in known]


def _name_of(hook: DatalakeHook, job: Job) -> str:
    """The processing that a job runs, or the job's kind in small letters."""
    processing = (job.processing_job or {}).get("processing_id")
    return hook.get_processing(processing).name if processing else str(job.type or "job").lower()


def _finish(processes: Processes, name: str, process: subprocess.Popen[bytes], title: str | None = None) -> None:
    try:
        process.wait(_MOST_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"{name} did not end within {_MOST_SECONDS:.0f} s.") from error
    processes.check(name, process, title)


def _unlike_each_other(done: list[PipelineOutcome]) -> list[str]:
    """The two pipelines are one pipeline: what they found must be the same."""
    first, *others = (one.evidence for one in done)
    kinds = ("data", "with_exif", "thumbnails", "tags", "duplicate_groups", "recognised")
    return [
        f"the pipelines differ in {kind}: {getattr(first, kind)} and {getattr(other, kind)}"
        for other in others
        for kind in kinds
        if getattr(first, kind) != getattr(other, kind)
    ]


def _clean_up(state: DemoState, succeeded: bool) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A second Ctrl-C must not leave half of the processes behind.
        signal.signal(number, signal.SIG_IGN)
    platform = state.platform
    if platform and platform.process.poll() is None:
        if state.options.keep and succeeded:
            state.processes.release(platform.process)
            state.processes.end_all(spare=[platform.process.pid])
            screen.kept(platform, state.work)
            return
        _stop_jobs(platform)
    state.processes.end_all()
    if succeeded:
        shutil.rmtree(state.work, ignore_errors=True)
        screen.further()
    else:
        screen.failed(state.work)


def _stop_jobs(platform: Embedded) -> None:
    """Stop what the platform's jobs started: they are made to outlive the platform itself."""
    # The mark of the processes finds what this cannot end.
    with suppress(DatalakeError), DatalakeHook.from_connection(platform.connection) as hook:
        for job in hook.find_jobs():
            if not job.status.is_terminal:
                hook.cancel_job(job)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as Ctrl-C does, through its own cleaning up."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
