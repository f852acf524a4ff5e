"""Launch requests, validated against the processing, the lake and this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Connection, Row, select

from datalake_ops.platform.http.errors import RefusalError, bad_request, not_found
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.jobs.job_table import JobKeys, NewJob
from datalake_ops.platform.jobs.processings.programs import Programs, UnknownImageError
from datalake_ops.platform.jobs.processings.resource_pool import ResourcePool
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.wire.jobs import JobKind
from datalake_ops.wire.processings import InputType, ProcessingLaunch, ProcessingTarget

_CHUNK = 5000


class LaunchBody(ProcessingLaunch):
    """Body of a launch; callers older than `inputs` send the last two beside it."""

    data_ids: IdList = Field(default_factory=IdList)  # type: ignore[assignment]
    inputs: dict[str, Any] | None = None  # type: ignore[assignment]
    model_version_id: UUID | None = None
    target_datalake_name: str | None = None


@dataclass(frozen=True)
class Launch:
    """Launch request: lake, caller, body, and the keys by which its job is found again."""

    lake: LakeRow
    principal: Principal
    body: LaunchBody
    keys: JobKeys

    def plan(self, connection: Connection, programs: Programs, resources: ResourcePool) -> NewJob:
        """Build the job of this launch.

        Raises:
            RefusalError: 404, a processing or data does not exist; 400, another part is invalid; 402, too few GPUs.
        """
        processing = self._processing(connection)
        self._check_machine(processing, programs, resources)
        self._check_data(connection)
        inputs = dict(self.body.inputs or {})
        _check_inputs(connection, processing.id, inputs)
        request = {
            "image": processing.docker_image,
            "tag": processing.docker_tag,
            "type": processing.type,
            "target_id": str(self.lake.id),
            "parameters": {**(processing.default_parameters or {}), **(self.body.parameters or {})},
            "inputs": inputs,
            "data": _digest(self.body.data_ids),
            "model_version_id": self._legacy("model_version_id", inputs),
            "output_datalake_id": self._output(connection, inputs),
        }
        return NewJob(
            organization_id=self.lake.organization_id,
            user_id=self.principal.user_id,
            lake_key=self.lake.key,
            kind=JobKind.PROCESSING,
            request=request,
            keys=self.keys,
            processing_id=processing.id,
            cpu=_count(self.body.cpu, processing.default_cpu, 1),
            gpu=_count(self.body.gpu, processing.default_gpu, 0),
        )

    def _processing(self, connection: Connection) -> Row[Any]:
        columns = schema.processing.c
        found = connection.execute(select(schema.processing).where(columns.id == self.body.processing_id)).first()
        if found is None or found.organization_id not in (None, self.lake.organization_id):
            raise not_found(f"Processing {self.body.processing_id}")
        if found.target != ProcessingTarget.DATALAKE.value:
            raise bad_request(f"The processing {found.name!r} works on a {found.target}, not on a datalake.")
        return found

    def _check_machine(self, processing: Row[Any], programs: Programs, resources: ResourcePool) -> None:
        try:
            programs.find(processing.docker_image, processing.docker_tag)
        except UnknownImageError as error:
            raise bad_request(str(error)) from error
        cpu, gpu = _count(self.body.cpu, processing.default_cpu, 1), _count(self.body.gpu, processing.default_gpu, 0)
        if cpu < 1 or gpu < 0:
            raise bad_request("A job needs at least one cpu, and no less than no gpu.")
        if gpu > resources.gpus:
            raise RefusalError(402, f"The job asks for {gpu} GPUs; this platform has {resources.gpus}.")

    def _check_data(self, connection: Connection) -> None:
        data_ids = self.body.data_ids
        if not data_ids:
            raise bad_request("data_ids is empty; a processing needs data to work on.")
        data = schema.data.c
        for start in range(0, len(data_ids), _CHUNK):
            chunk = data_ids[start : start + _CHUNK]
            known = set(
                connection.scalars(select(data.id).where(data.lake_key == self.lake.key, data.id.in_(chunk))).all()
            )
            missing = [str(one) for one in chunk if one not in known]
            if missing:
                raise RefusalError(404, f"{len(missing)} of the data are not in this datalake.", missing[:20])

    def _legacy(self, name: str, inputs: Mapping[str, Any]) -> str | None:
        value = inputs.get(name) or getattr(self.body, name, None)
        return str(value) if value else None

    def _output(self, connection: Connection, inputs: Mapping[str, Any]) -> str | None:
        if inputs.get("output_datalake_id") or not self.body.target_datalake_name:
            return self._legacy("output_datalake_id", inputs)
        lake = schema.lake.c
        own = (lake.organization_id == self.lake.organization_id, lake.name == self.body.target_datalake_name)
        found = connection.execute(select(lake.id).where(*own)).scalar()
        if found is None:
            raise not_found(f"Datalake {self.body.target_datalake_name!r}")
        return str(found)


def _check_inputs(connection: Connection, processing: UUID, inputs: Mapping[str, Any]) -> None:
    declared = schema.processing_input
    rows = connection.execute(select(declared).where(declared.c.processing_id == processing)).all()
    unknown = sorted(set(inputs) - {row.name for row in rows})
    if unknown:
        known = ", ".join(sorted(row.name for row in rows)) or "none"
        raise bad_request(f"inputs {', '.join(unknown)} are not declared by the processing; declared are: {known}.")
    for row in rows:
        value = inputs.get(row.name)
        if value is None and row.required:
            raise bad_request(f"inputs.{row.name} is required by the processing.")
        if value is not None and not _fits(row.input_type, value):
            raise bad_request(f"inputs.{row.name} must be a {row.input_type}, not {value!r:.80}.")


def _fits(input_type: str, value: Any) -> bool:
    if input_type == InputType.TEXT.value:
        return isinstance(value, str)
    if input_type == InputType.NUMBER.value:
        return isinstance(value, int | float) and not isinstance(value, bool)
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True


def _count(asked: int | None, default: int | None, otherwise: int) -> int:
    if asked is not None:
        return asked
    return otherwise if default is None else default


def _digest(ids: IdList) -> dict[str, Any]:
    """Number and SHA-256 of the ids: the ids themselves are in the payload."""
    return {"count": len(ids), "sha256": hashlib.sha256(b"".join(ids.sorted_bytes())).hexdigest()}
