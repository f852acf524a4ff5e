"""A processing as a job block: saved once, triggered from any flow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from prefect.blocks.abstract import JobBlock, JobRun
from pydantic import Field, HttpUrl, ValidationInfo, field_validator

from datalake_ops import arguments
from datalake_ops.arguments import OnEmpty
from datalake_ops.waiting import cancel_policy
from prefect_tasks.blocks import DatalakeCredentials
from prefect_tasks.runs.wait_options import OnStop, WaitMode
from prefect_tasks.waits.status_log import job_summary

if TYPE_CHECKING:
    from prefect_tasks.waits.polling import JobPoller
    from prefect_tasks.waits.suspension import WaitCall

_LAUNCHED = {
    "processing",
    "data",
    "tags",
    "intersect_tags",
    "q",
    "limit",
    "parameters",
    "cpu",
    "gpu",
    "inputs",
    "on_stop",
}


class DatalakeJobRun(JobRun[dict[str, Any]]):
    """One job of the platform: wait for it, ask for its result and its log, cancel it.

    Each verb blocks; those of the same name with an `a` before it are for async flows.
    """

    def __init__(self, credentials: DatalakeCredentials, job_id: str, block: DatalakeJob) -> None:
        self.credentials = credentials
        self.job_id = job_id
        self.timeout = block.timeout
        self.poll_interval = block.poll_interval
        self.on_stop: OnStop = block.on_stop
        self.wait: WaitMode = block.wait
        self._url: str | None = None

    @property
    def url(self) -> str:
        """Address of the job's page on the platform; the first time it asks for the organization."""
        if self._url is None:
            with self.credentials.get_client() as hook:
                self._url = hook.job_url(self.job_id)
        return self._url

    async def aurl(self) -> str:
        """Async form of `url`."""
        return await asyncio.to_thread(lambda: self.url)

    def wait_for_completion(self) -> None:  # type: ignore[override] # Prefect declares it async; see the class.
        """Wait until the job has ended; when the wait is stopped, so is the job, unless `on_stop` is `"leave"`.

        In a flow that can be suspended the run may be suspended meanwhile, as `wait_for_job` does.

        Raises:
            JobFailedError, JobKilledError: the job ended otherwise than well.
            JobWaitTimeoutError: the block's timeout came first.
            ConfigurationError: the block says `wait="suspend"`, and the run cannot be suspended.
        """
        from prefect_tasks.waits.suspension import Suspension

        polling, call = self._polling(), self._call()
        suspension = Suspension.offered(call)
        if suspension is None:
            polling.run(self.timeout)
            return
        if not suspension.is_over():
            if polling.poll_briefly(suspension.seconds) is not None:
                return
            if not suspension.is_over():
                suspension.begin()
        polling.run(0.0)

    async def await_for_completion(self) -> None:
        """Async form of `wait_for_completion`, which holds no thread."""
        from prefect_tasks.waits.suspension import Suspension

        polling, call = self._polling(), self._call()
        suspension = await asyncio.to_thread(Suspension.offered, call)
        if suspension is None:
            await polling.arun(self.timeout)
            return
        if not suspension.is_over():
            if await polling.apoll_briefly(suspension.seconds) is not None:
                return
            if not suspension.is_over():
                suspension.begin()
        await polling.arun(0.0)

    def fetch_result(self) -> dict[str, Any]:  # type: ignore[override] # Prefect declares it async; see the class.
        """The job as it is now: `id`, `status`, `counts`, `reason`, `seconds`, `url`, as small JSON-ready values."""
        with self.credentials.get_client() as hook:
            job = hook.get_job(self.job_id)
            return job_summary(job, hook.job_url(job))

    async def afetch_result(self) -> dict[str, Any]:
        """Async form of `fetch_result`."""
        return await asyncio.to_thread(self.fetch_result)

    def cancel(self) -> dict[str, Any]:
        """Stop the job and return it as it is then.

        Raises:
            UnsupportedError: the platform cannot stop jobs by its API.
        """
        with self.credentials.get_client() as hook:
            job = hook.cancel_job(self.job_id)
            return job_summary(job, hook.job_url(job))

    async def acancel(self) -> dict[str, Any]:
        """Async form of `cancel`."""
        return await asyncio.to_thread(self.cancel)

    def logs(self, tail: int | None = 50) -> list[str]:
        """The last lines of the job's log, all of it with `tail=None`; empty where the platform offers no logs."""
        with self.credentials.get_client() as hook:
            return hook.job_log(self.job_id, tail)

    async def alogs(self, tail: int | None = 50) -> list[str]:
        """Async form of `logs`."""
        return await asyncio.to_thread(self.logs, tail)

    def _polling(self) -> JobPoller:
        from prefect_tasks.waits.polling import JobPoller

        return JobPoller(self.credentials, (self.job_id,), self.poll_interval, self.on_stop)

    def _call(self) -> WaitCall:
        from prefect_tasks.waits.suspension import WaitCall

        return WaitCall(self.credentials, (self.job_id,), self.timeout, self.wait)


class EmptyJobRun(DatalakeJobRun):
    """Run of a launch that had nothing to do: there is no job to wait for or to cancel, no result and no log."""

    def __init__(self, credentials: DatalakeCredentials, block: DatalakeJob) -> None:
        super().__init__(credentials, "", block)
        self._url = ""

    def wait_for_completion(self) -> None:  # type: ignore[override] # As in the class above.
        """Return at once."""

    async def await_for_completion(self) -> None:
        """Return at once."""

    def fetch_result(self) -> dict[str, Any]:  # type: ignore[override] # As in the class above.
        """An empty mapping."""
        return {}

    def cancel(self) -> dict[str, Any]:
        """An empty mapping."""
        return {}

    def logs(self, tail: int | None = 50) -> list[str]:
        """No lines."""
        return []


class DatalakeJob(JobBlock[dict[str, Any]]):
    """A processing of the datalake with its data and parameters, ready to be triggered.

    Example:
        Trigger a saved job and wait for it:
        ```python
        from prefect import flow
        from prefect_tasks import DatalakeJob

        @flow
        def tag_quality():
            job = DatalakeJob.load("BLOCK_NAME")
            run = job.trigger()
            run.wait_for_completion()
            return run.fetch_result()
        ```
    """

    _block_type_name: ClassVar[str | None] = "Datalake Job"
    _block_type_slug: ClassVar[str | None] = "datalake-job"
    _logo_url: ClassVar[HttpUrl | None] = DatalakeCredentials._logo_url
    _documentation_url: ClassVar[HttpUrl | None] = DatalakeCredentials._documentation_url

    # The order of the fields is part of the schema that Prefect compares between releases: append only.
    credentials: DatalakeCredentials = Field(description="Where the datalake is, and the token that opens it.")
    processing: str = Field(description="Name or id of the processing.")
    data: list[str] | None = Field(
        default=None, description="Ids of the data; without them, the data that the tags and the query find."
    )
    tags: list[str] | None = Field(default=None, description="Names of tags; data with one of them are processed.")
    intersect_tags: bool = Field(default=False, description="Whether data must have every tag.")
    q: str | None = Field(default=None, title="Query", description="Query-language text that the data must match.")
    limit: int | None = Field(default=None, description="Process at most this many data.")
    parameters: dict[str, Any] | None = Field(default=None, description="Parameters, in place of the processing's own.")
    cpu: int | None = Field(default=None, description="CPUs, in place of the processing's own number.")
    gpu: int | None = Field(default=None, description="GPUs, in place of the processing's own number.")
    inputs: dict[str, Any] | None = Field(default=None, description="Values of the processing's inputs, by name.")
    timeout: float | None = Field(default=3600.0, description="Seconds to wait for the job; empty waits for ever.")
    poll_interval: float | None = Field(
        default=None, description="Seconds between looks; they grow with the time waited when left empty."
    )
    on_stop: OnStop = Field(
        default="cancel", description="What becomes of the job when the wait is stopped: cancel or leave."
    )
    wait: WaitMode = Field(
        default="auto",
        description="How to wait: poll, suspend the flow run, or auto, which suspends it for a long job if it can.",
    )

    on_empty: OnEmpty = Field(
        default="fail", description="End of a launch without data: fail, or skip or succeed without a job."
    )

    @field_validator("data", "tags", "timeout", "poll_interval", "on_stop", mode="before")
    @classmethod
    def _in_one_form(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name == "on_stop":
            return cancel_policy.on_stop("on_stop", value)
        if info.field_name in ("timeout", "poll_interval"):
            return arguments.positive_seconds(info.field_name, value)
        return arguments.texts(str(info.field_name), value)

    def trigger(  # type: ignore[override] # Prefect declares it async.
        self, key: str | None = None, on_empty: OnEmpty | None = None
    ) -> DatalakeJobRun:
        """Launch the processing and return its run; a retried flow run finds the job that it has launched already.

        Args:
            key: makes the launches of this block with this key in one flow run one launch.
            on_empty: end of a launch without data, in place of the block's: "fail" (NoDataError), or "skip" or
                "succeed" with an `EmptyJobRun`.

        Raises:
            NoDataError: there is no data to work on, and `on_empty` is "fail".
        """
        from prefect_tasks.tasks.jobs import launch_processing

        settings = self.model_dump(include=_LAUNCHED)
        word = self.on_empty if on_empty is None else on_empty
        job_id: str | None = launch_processing(self.credentials, **settings, key=key, on_empty=word)
        return EmptyJobRun(self.credentials, self) if job_id is None else self.attach(job_id)

    async def atrigger(self, key: str | None = None, on_empty: OnEmpty | None = None) -> DatalakeJobRun:
        """Async form of `trigger`."""
        return await asyncio.to_thread(self.trigger, key, on_empty)

    def attach(self, job_id: str) -> DatalakeJobRun:
        """The run of a job that was started elsewhere, or before a restart."""
        return DatalakeJobRun(self.credentials, job_id, self)
