"""Start of a task's job: the job that an earlier try started is adopted, else a new one is submitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider.compat import AirflowException
from airflow_provider.job_lifecycle.idempotency import TaskIdentity, submit_once
from datalake_ops.errors import DatalakeError, NotFoundError, UnexpectedAnswerError
from datalake_ops.waiting.adoption import EarlierJobs, earlier_jobs, has_failed
from datalake_ops.waiting.cancel_policy import CancelPolicy, Stop
from datalake_ops.wire.lakes import Extension

if TYPE_CHECKING:
    from airflow.sdk import Context

    from datalake_ops.hook import DatalakeHook as SharedHook
    from datalake_ops.wire.jobs import Job

Submit = Callable[[str, dict[str, str]], "Job"]
# What Airflow's state store (3.3 and newer) holds of a task: {"job_id": ..., "generation": ...}.
_STORED = "datalake_job_v1"


@dataclass
class JobStart:
    """Start of the job of one try of a task; `submit` starts a job under a key and labels.

    `learnt` is called with the job's id before anything else that may fail. `is_open` is True while the platform may
    run a job of this task whose id is not known.
    """

    datalake: SharedHook
    context: Context
    submit: Submit
    policy: CancelPolicy
    log: Any
    learnt: Callable[[str], None]
    is_open: bool = False

    @property
    def _identity(self) -> TaskIdentity:
        return TaskIdentity.of(self.context)

    @property
    def can_be_taken_up(self) -> bool:
        """True if a further try of the task will find the job of this one."""
        try:
            keeps = self._offers(Extension.IDEMPOTENCY_KEY) or self._offers(Extension.JOB_LABELS)
        except DatalakeError:
            # A platform that cannot be asked cannot be told to cancel either; the retry may.
            return True
        return keeps or self._is_remembered

    def job(self) -> Job:
        """The task's job; running jobs from before a clear of the task are cancelled, if the policy cancels on kill."""
        job = self._take_up_or_start()
        self._remember(str(job.id))
        return job

    def started(self) -> str | None:
        """Id of the newest job of this task that goes on, for a task that was stopped before it learnt of its job.

        Raises:
            DatalakeError: the platform cannot be asked.
        """
        # The session of a request that was broken off is not used again.
        with type(self.datalake).from_connection(self.datalake.connection) as datalake:
            job = replace(self, datalake=datalake)._earlier().adopted
        return None if job is None or job.status.is_terminal else str(job.id)

    def _take_up_or_start(self) -> Job:
        try_number = int(self.context["ti"].try_number)
        if try_number == 1:
            return self._submit(self._identity.key())
        # What an earlier try left may go on, should this try end before it is found.
        self.is_open = True
        earlier = self._earlier()
        if earlier.adopted is not None:
            self._learn(earlier.adopted)
        self._cancel(earlier.stale)
        if earlier.adopted is not None:
            self.log.info("Job %s was started by an earlier try; this try waits for it.", earlier.adopted.id)
            return earlier.adopted
        if earlier.ended is not None:
            self.log.info(
                "Job %s of an earlier try ended %s; another is started.",
                earlier.ended.id,
                earlier.ended.status,
            )
            return self._submit(self._identity.key(after=str(earlier.ended.id)))
        if self._offers(Extension.IDEMPOTENCY_KEY) and not self._offers(Extension.JOB_LABELS):
            return submit_once(self._submit, self._identity, try_number)
        return self._submit(self._identity.key())

    def _earlier(self) -> EarlierJobs:
        if self._offers(Extension.JOB_LABELS):
            found = self.datalake.find_jobs(labels=self._identity.task_labels)
            return earlier_jobs(found, self._identity.generation)
        return self._stored()

    def _stored(self) -> EarlierJobs:
        stored = self._store.get(_STORED) if self._store is not None else None
        if not isinstance(stored, dict) or "job_id" not in stored:
            return EarlierJobs()
        try:
            job = self.datalake.get_job(stored["job_id"])
        except NotFoundError:
            return EarlierJobs()
        if stored.get("generation") != self._identity.generation:
            return EarlierJobs(stale=() if job.status.is_terminal else (job,))
        return EarlierJobs(ended=job) if has_failed(job) else EarlierJobs(adopted=job)

    def _cancel(self, stale: tuple[Job, ...]) -> None:
        if not self.policy.cancels(Stop.KILL) or not self._offers(Extension.JOB_KILL):
            return
        for job in stale:
            self.log.warning("Job %s was started before this task was cleared; it is cancelled.", job.id)
            self.datalake.cancel_job(job)

    def _submit(self, key: str) -> Job:
        self.is_open = True
        try:
            job = self.submit(key, self._identity.job_labels(key))
        except AirflowException:
            # Airflow has stopped the task in the midst of a request.
            raise
        except Exception as error:
            # A refusal and a local error started nothing; only an answer that was lost leaves the question open.
            self.is_open = isinstance(error, (ConnectionError, TimeoutError, UnexpectedAnswerError))
            raise
        self._learn(job)
        return job

    def _learn(self, job: Job) -> None:
        self.learnt(str(job.id))
        self.is_open = False

    def _remember(self, job_id: str) -> None:
        if self._store is None:
            return
        try:
            self._store.set(_STORED, {"job_id": job_id, "generation": self._identity.generation})
        # Whatever Airflow raises here, the job runs, and on most platforms a retry finds it without the store.
        except Exception:
            self.log.warning(
                "The id of job %s could not be written to Airflow's state store; a retry asks the platform.",
                job_id,
                exc_info=True,
            )

    @property
    def _is_remembered(self) -> bool:
        if self._store is None:
            return False
        try:
            stored = self._store.get(_STORED)
        except Exception:
            self.log.warning("Airflow's state store could not be read; a retry may start another job.", exc_info=True)
            return False
        return isinstance(stored, dict) and stored.get("generation") == self._identity.generation

    def _offers(self, extension: Extension) -> bool:
        return self.datalake.context.offers(extension)

    @property
    def _store(self) -> Any:
        return self.context.get("task_state_store")
