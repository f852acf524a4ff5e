"""The same hook for async code: each verb of `DatalakeHook` as a coroutine, and waits that hold no thread."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from datalake_ops import arguments
from datalake_ops.config import Connection
from datalake_ops.hook import DatalakeHook
from datalake_ops.hook.verb_arguments import JobLike, job_id
from datalake_ops.wire.jobs import Job

if TYPE_CHECKING:
    from datalake_ops.waiting.blocking_wait import OnPoll
    from datalake_ops.waiting.schedule import Seconds

P = ParamSpec("P")
T = TypeVar("T")


def _in_a_thread(
    verb: Callable[Concatenate[DatalakeHook, P], T],
) -> Callable[Concatenate[AsyncDatalakeHook, P], Coroutine[Any, Any, T]]:
    @functools.wraps(verb)
    async def awaited(self: AsyncDatalakeHook, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(verb, self.hook, *args, **kwargs)

    return awaited


class AsyncDatalakeHook:
    """A datalake for async code, usable as an async context manager; the names and arguments are `DatalakeHook`'s.

    A verb runs in a thread, so the loop stays free and a cancelled await leaves the request to end by itself. Only
    `wait_for_job` is different: hundreds of jobs may be awaited at once, and a thread for each would be too many.

    Example:
        >>> async with AsyncDatalakeHook.from_env() as lake:  # doctest: +SKIP
        ...     data = await lake.list_data(tags="night")
    """

    def __init__(self, hook: DatalakeHook) -> None:
        self.hook = hook

    @classmethod
    def from_connection(cls, connection: Connection) -> AsyncDatalakeHook:
        """A hook for a connection that was made elsewhere."""
        return cls(DatalakeHook.from_connection(connection))

    @classmethod
    def from_env(cls) -> AsyncDatalakeHook:
        """A hook from `DATALAKE_HOST`, `DATALAKE_API_TOKEN` and the like (see `Connection.from_env`)."""
        return cls(DatalakeHook.from_env())

    async def __aenter__(self) -> AsyncDatalakeHook:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def wait_for_job(
        self,
        job: JobLike,
        timeout: Seconds | None = 3600.0,
        poll_interval: Seconds | None = None,
        on_poll: OnPoll | None = None,
        raise_on_failure: bool = True,
        rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Job:
        """Await the end of a job and return it; arguments and errors are those of `DatalakeHook.wait_for_job`."""
        from datalake_ops.waiting import async_wait
        from datalake_ops.waiting.schedule import WaitSchedule

        checks = arguments.flag("raise_on_failure", raise_on_failure) is not False
        schedule = WaitSchedule(timeout, poll_interval)
        ended = await async_wait.await_job(
            self.hook.connection,
            job_id(job),
            deadline_at=schedule.deadline_at(time.time()),
            poll_interval=schedule.poll_interval,
            on_poll=on_poll,
            rest=rest,
        )
        return await self.check_job(ended) if checks else ended

    close = _in_a_thread(DatalakeHook.close)
    test_connection = _in_a_thread(DatalakeHook.test_connection)

    find_data = _in_a_thread(DatalakeHook.find_data)
    get_data = _in_a_thread(DatalakeHook.get_data)
    list_data = _in_a_thread(DatalakeHook.list_data)
    count_data = _in_a_thread(DatalakeHook.count_data)
    update_metadata = _in_a_thread(DatalakeHook.update_metadata)
    update_custom_metadata = _in_a_thread(DatalakeHook.update_custom_metadata)
    update_multiple_data = _in_a_thread(DatalakeHook.update_multiple_data)
    delete_data = _in_a_thread(DatalakeHook.delete_data)
    list_projections = _in_a_thread(DatalakeHook.list_projections)
    get_metadata_schema = _in_a_thread(DatalakeHook.get_metadata_schema)

    upload_data = _in_a_thread(DatalakeHook.upload_data)
    upload = _in_a_thread(DatalakeHook.upload)
    retry_upload = _in_a_thread(DatalakeHook.retry_upload)
    create_projection = _in_a_thread(DatalakeHook.create_projection)
    create_projections = _in_a_thread(DatalakeHook.create_projections)
    download = _in_a_thread(DatalakeHook.download)

    create_data_tag = _in_a_thread(DatalakeHook.create_data_tag)
    get_data_tag = _in_a_thread(DatalakeHook.get_data_tag)
    get_or_create_data_tag = _in_a_thread(DatalakeHook.get_or_create_data_tag)
    list_data_tags = _in_a_thread(DatalakeHook.list_data_tags)
    add_tags = _in_a_thread(DatalakeHook.add_tags)
    remove_tags = _in_a_thread(DatalakeHook.remove_tags)

    create_data_source = _in_a_thread(DatalakeHook.create_data_source)
    get_data_source = _in_a_thread(DatalakeHook.get_data_source)
    get_or_create_data_source = _in_a_thread(DatalakeHook.get_or_create_data_source)
    list_data_sources = _in_a_thread(DatalakeHook.list_data_sources)

    import_bucket_objects = _in_a_thread(DatalakeHook.import_bucket_objects)
    import_cloud_objects = _in_a_thread(DatalakeHook.import_cloud_objects)
    get_processing = _in_a_thread(DatalakeHook.get_processing)
    list_processings = _in_a_thread(DatalakeHook.list_processings)
    launch_processing = _in_a_thread(DatalakeHook.launch_processing)
    create_processing = _in_a_thread(DatalakeHook.create_processing)
    update_processing = _in_a_thread(DatalakeHook.update_processing)
    delete_processing = _in_a_thread(DatalakeHook.delete_processing)
    list_processing_inputs = _in_a_thread(DatalakeHook.list_processing_inputs)
    read_inputs = _in_a_thread(DatalakeHook.read_inputs)
    list_programs = _in_a_thread(DatalakeHook.list_programs)
    set_program = _in_a_thread(DatalakeHook.set_program)
    remove_program = _in_a_thread(DatalakeHook.remove_program)

    get_job = _in_a_thread(DatalakeHook.get_job)
    get_jobs = _in_a_thread(DatalakeHook.get_jobs)
    check_job = _in_a_thread(DatalakeHook.check_job)
    cancel_job = _in_a_thread(DatalakeHook.cancel_job)
    job_log = _in_a_thread(DatalakeHook.job_log)
    new_log_lines = _in_a_thread(DatalakeHook.new_log_lines)
    find_jobs = _in_a_thread(DatalakeHook.find_jobs)
    list_changes = _in_a_thread(DatalakeHook.list_changes)
    job_url = _in_a_thread(DatalakeHook.job_url)
    datalake_url = _in_a_thread(DatalakeHook.datalake_url)
