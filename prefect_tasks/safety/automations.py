"""Ring 3 of job safety, installed once for each Prefect server: deployments of job watcher and reaper, and automations.

They serve every flow that uses the tasks of this package, without a change of it, and need no Prefect Cloud.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events.actions import ResumeFlowRun, RunDeployment
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.types.entrypoint import EntrypointType

from datalake_ops.errors import ConfigurationError
from prefect_tasks.runs.run_states import STOPPED
from prefect_tasks.safety.reaper import reap_orphan_jobs
from prefect_tasks.safety.resumer import WAIT_OVER, job_watcher
from prefect_tasks.waits.suspension import WATCHER

DEPLOYMENT = WATCHER.rpartition("/")[2]
REAPER = f"reap-orphan-jobs/{DEPLOYMENT}"
RESUME, REAP, ZOMBIES = (
    "datalake: resume runs whose jobs ended",
    "datalake: cancel jobs of stopped runs",
    "datalake: crash runs without a heartbeat",
)
_OWN = (job_watcher.name, reap_orphan_jobs.name)
# Three of Prefect's heartbeats, which come every 180 s unless `PREFECT_FLOWS_HEARTBEAT_FREQUENCY` says otherwise.
ZOMBIE_SECONDS = 540.0


def install_automations(
    work_pool: str | None = None,
    *,
    zombie_after: float | None = ZOMBIE_SECONDS,
    watch_every: float = 300.0,
    reap_every: float = 900.0,
) -> list[str]:
    """Install or update deployments and automations on this Prefect server; return the automations' names.

    Args:
        work_pool: where the watcher and the reaper run; its workers need this package and the credentials. None when
            they are deployed already, as by `prefect_tasks.safety.serve_safety`.
        zombie_after: seconds without a heartbeat after which the reaper crashes a flow run of this server, of whatever
            flow, that should send some; at least two heartbeats. None installs no such rule: then jobs of a run that
            was lost together with its worker go on.
        watch_every, reap_every: seconds between the runs that make up for events that were lost.

    Raises:
        ConfigurationError: `work_pool` is None, and the watcher or the reaper is not deployed.
    """
    if work_pool is not None:
        for deployment in safety_deployments(watch_every, reap_every):
            deployment.work_pool_name = work_pool
            apply: Any = deployment.apply
            apply(_sync=True)
    with get_client(sync_client=True) as client:
        reaper = _deployed(client, REAPER)
        _deployed(client, WATCHER)
        zombies = [_crashing(reaper, zombie_after)] if zombie_after is not None else []
        wanted = [_resuming(), _reaping(reaper), *zombies]
        for automation in wanted:
            _install(client, automation)
    return [automation.name for automation in wanted]


def safety_deployments(watch_every: float = 300.0, reap_every: float = 900.0) -> list[RunnerDeployment]:
    """Deployments of the watcher and the reaper, to serve or to put into a work pool.

    Their flows are found by their module, so a worker needs nothing but this package.
    """
    # One watcher is enough: the server refuses a second before a process is started for it.
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    # Whoever cancels a thousand runs gets a thousand calls for the reaper.
    few = ConcurrencyLimitConfig(limit=4, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
    made: list[tuple[Any, float, Any]] = [(job_watcher, watch_every, one), (reap_orphan_jobs, reap_every, few)]
    return [
        RunnerDeployment.from_flow(
            flow,
            name=DEPLOYMENT,
            interval=timedelta(seconds=every),
            concurrency_limit=limit,
            entrypoint_type=EntrypointType.MODULE_PATH,
            tags=["datalake"],
        )
        for flow, every, limit in made
    ]


def _deployed(client: SyncPrefectClient, name: str) -> UUID:
    try:
        return client.read_deployment_by_name(name).id
    except ObjectNotFound as missing:
        raise ConfigurationError(
            f"There is no deployment {name!r} on this Prefect server: name a work_pool for it, or serve it with "
            "`python -m prefect_tasks.safety serve`."
        ) from missing


def _install(client: SyncPrefectClient, automation: AutomationCore) -> None:
    known = client.read_automations_by_name(automation.name)
    if known:
        client.update_automation(known[0].id, automation)
    else:
        client.create_automation(automation)


def _resuming() -> AutomationCore:
    return AutomationCore(
        name=RESUME,
        description="The job watcher has seen that all jobs that a suspended run waits for have ended.",
        trigger=_whenever({WAIT_OVER}),
        actions=[ResumeFlowRun()],
    )


def _reaping(reaper: UUID) -> AutomationCore:
    # The server remembers a run's tags for minutes, so its events do not tell which runs have started jobs. Our own two
    # flows start none, and a reaper that is cancelled must not call for the next one.
    others = [{"prefect.resource.role": "flow", "prefect.resource.name": f"!{name}"} for name in _OWN]
    stopped: dict[str, Any] = {"prefect.resource.id": "prefect.flow-run.*", "prefect.state-name": list(STOPPED)}
    template = {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}
    return AutomationCore(
        name=REAP,
        description="A run may be cancelled or crash where no hook of it runs: while suspended, or with its worker.",
        trigger=_whenever({"prefect.flow-run.*"}, match=stopped, match_related=others),
        actions=[RunDeployment(deployment_id=reaper, parameters={"flow_run_id": template})],
    )


def _crashing(reaper: UUID, seconds: float) -> AutomationCore:
    # What fires is the time, and no event that would tell of the run: only what its events are counted by is at hand.
    lost = {"__prefect_kind": "jinja", "template": "{{ labels['prefect.resource.id'].rpartition('.')[2] }}"}
    return AutomationCore(
        name=ZOMBIES,
        description=f"A run that was lost together with its worker has sent no heartbeat for {seconds:.0f} s.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            # Any event of the run, for a list would forget one: a suspended run sends no heartbeats either.
            expect={"prefect.flow-run.*"},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=seconds),
        ),
        # Prefect's own action crashes a run in whatever state, and so a suspended one whose last heartbeat came late.
        actions=[RunDeployment(deployment_id=reaper, parameters={"lost": lost, "silence": seconds})],
    )


def _whenever(events: set[str], **choice: Any) -> EventTrigger:
    return EventTrigger(
        expect=events, for_each={"prefect.resource.id"}, posture=Posture.Reactive, threshold=1, **choice
    )
