"""Values that the verbs accept for data, tags, sources, jobs and processings, brought to one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError

from datalake_ops import arguments
from datalake_ops.errors import NoDataError
from datalake_ops.wire.data import Data, DataChange
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.sources import DataSource
from datalake_ops.wire.tags import Tag

T = TypeVar("T")
DataLike = Data | UUID | str
TagLike = Tag | str
SourceLike = DataSource | str
JobLike = Job | UUID | str


def data_id(data: DataLike) -> UUID:
    """The id of a data given as itself or as its id.

    Raises:
        ArgumentError: it has no UUID.
    """
    return _required("data", data, "write a data or its id.")


def job_id(job: JobLike) -> UUID:
    """The id of a job given as itself or as its id.

    Raises:
        ArgumentError: it has no UUID.
    """
    return _required("job", job, "write a job or its id; the task that starts one returns it.")


def _required(field: str, value: Any, expected: str) -> UUID:
    found = arguments.identifier(field, value)
    if found is None:
        raise arguments.refusal(field, value, expected)
    return found


def given_tags(field: str, tags: TagLike | Iterable[TagLike] | None) -> list[Tag | str]:
    """Tags to put on or take off: themselves, or their names; none for None and for what is empty.

    Raises:
        ArgumentError: one is neither a tag nor a name.
    """
    if tags is None or arguments.is_empty(tags):
        return []
    found: list[Tag | str] = []
    for one in arguments.elements(tags):
        name = one if isinstance(one, Tag) else arguments.name(field, one)
        if name is None or arguments.is_empty(name):
            raise arguments.refusal(field, tags, "one of its names is blank. Leave the blank one out.")
        found.append(name)
    return found


def required_tags(verb: str, tags: TagLike | Iterable[TagLike] | None) -> list[Tag | str]:
    """Tags that a verb puts on or takes off.

    Raises:
        ArgumentError: they are None, or one is no tag.
        NoDataError: there are none, so that the verb has nothing to do.
    """
    if tags is None:
        raise arguments.refusal("tags", tags, f"write the names of the tags for {verb}.")
    if not (found := given_tags("tags", tags)):
        raise NoDataError(f"{verb} was given no tags: there is nothing to do.")
    return found


def given_source(source: SourceLike | None) -> DataSource | str | None:
    """A source to put on data: itself, or its name.

    Raises:
        ArgumentError: it is neither a source nor a name.
    """
    found = source if isinstance(source, DataSource) else arguments.name("source", source)
    if isinstance(found, str) and arguments.is_empty(found):
        raise arguments.refusal("source", source, "write the name of a source, or leave it out.")
    return found


def as_change(value: DataChange | Mapping[str, Any] | str | None) -> DataChange:
    """Metadata, custom metadata, tags and source of one data, for an import or a bulk update.

    Raises:
        ArgumentError: it is no mapping of these four fields.
    """
    if isinstance(value, DataChange):
        return value
    fields = dict(arguments.mapping("change", value) or {})
    expected = f"a data has the fields {sorted(DataChange.model_fields)}."
    if unknown := sorted(set(fields) - set(DataChange.model_fields), key=str):
        raise arguments.refusal("change", value, f"unknown fields {unknown}; {expected}")
    if "tags" in fields:
        fields["tags"] = arguments.texts("tags", fields["tags"]) or ()
    for name in ("metadata", "custom_metadata"):
        fields[name] = arguments.mapping(name, fields.get(name))
    fields["data_source"] = arguments.name("data_source", fields.get("data_source"))
    try:
        return DataChange.model_validate(fields)
    except ValidationError as error:
        raise arguments.refusal("change", value, f"{error.errors()[0]['msg']}; {expected}") from error


def chunks(values: Sequence[T] | Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of at most `size`."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk
