"""Launch requests, validated against the processing, the lake and this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from datalake_ops.platform.http.errors import RefusalError, bad_request, not_found
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.platform.jobs.job_table import JobKeys, NewJob
from datalake_ops.platform.jobs.processings.launch_body import MODEL_VERSION, OUTPUT_LAKE, LaunchBody
from datalake_ops.platform.jobs.processings.launch_data import LaunchData, named_data, window_of_data
from datalake_ops.platform.jobs.processings.launch_inputs import declared_inputs, launch_inputs
from datalake_ops.platform.jobs.processings.programs import Programs, UnknownImageError
from datalake_ops.platform.jobs.processings.resource_pool import ResourcePool
from datalake_ops.platform.store import schema
from datalake_ops.platform.store.rows import LakeRow
from datalake_ops.platform.store.tokens import Principal
from datalake_ops.wire.jobs import JobKind
from datalake_ops.wire.processings import ProcessingTarget


@dataclass(frozen=True)
class PlannedLaunch:
    """Job of a launch, and the ids of its data."""

    job: NewJob
    data_ids: IdList


@dataclass(frozen=True)
class Launch:
    """Launch request: lake, caller, body, and the keys by which its job is found again."""

    lake: LakeRow
    principal: Principal
    body: LaunchBody
    keys: JobKeys

    def plan(self, connection: Connection, programs: Programs, resources: ResourcePool) -> PlannedLaunch:
        """Build the job of this launch, and find its data.

        Raises:
            RefusalError: 404, a processing, data or what an input names does not exist; 400, another part is invalid;
                402, too few GPUs.
        """
        processing = self._processing(connection)
        self._check_machine(connection, processing, programs, resources)
        declared = declared_inputs(connection, processing.id)
        data = self._data(connection, frozenset(row.name for row in declared))
        inputs = launch_inputs(connection, self.lake.organization_id, declared, self.body)
        request = {
            "image": processing.docker_image,
            "tag": processing.docker_tag,
            "type": processing.type,
            "target_id": str(self.lake.id),
            "parameters": {**(processing.default_parameters or {}), **(self.body.parameters or {})},
            "inputs": inputs,
            "data": data.request,
            "model_version_id": _text(inputs, MODEL_VERSION),
            "output_datalake_id": _text(inputs, OUTPUT_LAKE),
        }
        job = NewJob(
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
        return PlannedLaunch(job, data.ids)

    def _data(self, connection: Connection, declared: frozenset[str]) -> LaunchData:
        ids = self.body.named_data(declared)
        if ids is None:
            return window_of_data(connection, self.lake, self.body.offset, self.body.limit)
        return named_data(connection, self.lake, ids)

    def _processing(self, connection: Connection) -> Row[Any]:
        columns = schema.processing.c
        found = connection.execute(select(schema.processing).where(columns.id == self.body.processing_id)).first()
        if found is None or found.organization_id not in (None, self.lake.organization_id):
            raise not_found(f"Processing {self.body.processing_id}")
        if found.target != ProcessingTarget.DATALAKE.value:
            raise bad_request(f"The processing {found.name!r} works on a {found.target}, not on a datalake.")
        return found

    def _check_machine(
        self, connection: Connection, processing: Row[Any], programs: Programs, resources: ResourcePool
    ) -> None:
        try:
            programs.find(connection, processing.docker_image, processing.docker_tag)
        except UnknownImageError as error:
            raise bad_request(str(error)) from error
        cpu, gpu = _count(self.body.cpu, processing.default_cpu, 1), _count(self.body.gpu, processing.default_gpu, 0)
        if cpu < 1 or gpu < 0:
            raise bad_request("A job needs at least one cpu, and no less than no gpu.")
        if gpu > resources.gpus:
            raise RefusalError(402, f"The job asks for {gpu} GPUs; this platform has {resources.gpus}.")


def _text(inputs: Mapping[str, Any], name: str) -> str | None:
    value = inputs.get(name)
    return str(value) if value else None


def _count(asked: int | None, default: int | None, otherwise: int) -> int:
    if asked is not None:
        return asked
    return otherwise if default is None else default
