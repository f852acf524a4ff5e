"""What the verbs accept for data, tags, sources, jobs and processings, brought to one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from datalake_ops.errors import ConfigurationError
from datalake_ops.wire.data import Data
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.sources import DataSource
from datalake_ops.wire.tags import Tag

T = TypeVar("T")
DataLike = Data | UUID | str
TagLike = Tag | str
SourceLike = DataSource | str
JobLike = Job | UUID | str


def as_list(value: Any) -> list[Any]:
    """One value or many, as a list; text is one value."""
    if value is None:
        return []
    if isinstance(value, (str, Data, Tag, UUID)) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def as_id(value: UUID | str, what: str) -> UUID:
    """An identifier from text.

    Raises:
        ConfigurationError: the text is no UUID.
    """
    if isinstance(value, UUID):
        return value
    try:
        return UUID(str(value))
    except ValueError as error:
        raise ConfigurationError(f"{value!r} is no id of a {what}: ids are UUIDs.") from error


def data_id(data: DataLike) -> UUID:
    """The id of a data given as itself or as its id."""
    return data.id if isinstance(data, Data) else as_id(data, "data")


def data_ids(data: DataLike | Iterable[DataLike]) -> list[UUID]:
    """The ids of data, each once, in the order given."""
    return list(dict.fromkeys(data_id(one) for one in as_list(data)))


def job_id(job: JobLike) -> UUID:
    """The id of a job given as itself or as its id."""
    return job.id if isinstance(job, Job) else as_id(job, "job")


def chunks(values: Sequence[T] | Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk
