"""Verbs on processings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from datalake_ops import arguments
from datalake_ops.client import jobs
from datalake_ops.client import processings as operations
from datalake_ops.errors import ConfigurationError, UnsupportedError
from datalake_ops.hook.imports import JobStarter
from datalake_ops.hook.observation import reads
from datalake_ops.hook.verb_arguments import DataLike
from datalake_ops.wire.jobs import Job
from datalake_ops.wire.lakes import Extension
from datalake_ops.wire.processings import (
    ImageProgram,
    InputType,
    Processing,
    ProcessingChange,
    ProcessingInput,
    ProcessingLaunch,
    ProcessingTarget,
    ProcessingToCreate,
)


class ProcessingVerbs(JobStarter):
    """Find processings and launch them on data."""

    def get_processing(self, processing: str | UUID) -> Processing:
        """Return a processing of the organization by its name, or by its id.

        Raises:
            NotFoundError: there is none.
        """
        if isinstance(processing, UUID):
            return self.send(operations.get_processing(processing))
        name = arguments.required_name("processing", processing, "write a processing, its name or its id.")
        try:
            known = UUID(name)
        except ValueError:
            return self.send(operations.find_processing(self._organization, name))
        return self.send(operations.get_processing(known))

    def list_processings(
        self, limit: int | None = None, offset: int | None = None, order_by: list[str] | None = None
    ) -> list[Processing]:
        """The organization's processings; all of them without a limit."""
        return self.send(operations.list_processings(self._organization, *arguments.window(limit, offset, order_by)))

    def create_processing(self, processing: ProcessingToCreate, inputs: Iterable[ProcessingInput] = ()) -> Processing:
        """Register a processing and declare its inputs.

        Raises:
            ResourceConflictError: there is one of that name.
        """
        created = self.send(operations.create_processing(self._organization, processing))
        for one in inputs:
            self.send(operations.add_input(created.id, one))
        return created

    def update_processing(self, processing: Processing | str | UUID, change: ProcessingChange) -> Processing:
        """Change a processing of the organization; jobs that were launched keep what they were launched with.

        Raises:
            NotFoundError: there is none.
        """
        return self.send(operations.update_processing(self._processing_id(processing), change))

    def delete_processing(self, processing: Processing | str | UUID) -> None:
        """Delete a processing of the organization; its jobs stay.

        Raises:
            NotFoundError: there is none.
        """
        self.send(operations.delete_processing(self._processing_id(processing)))

    def list_programs(self) -> list[ImageProgram]:
        """The commands that admins set in place of docker images.

        Raises:
            UnsupportedError: the platform runs containers.
            ForbiddenError: the token is no admin's.
        """
        self._require_programs()
        return self.send(operations.list_programs())

    def set_program(self, image: str, command: str) -> ImageProgram:
        """Set the command that the platform runs in place of a docker image, named with its tag or without.

        Raises:
            UnsupportedError: the platform runs containers.
            ForbiddenError: the token is no admin's.
            BadRequestError: the image or the command cannot be meant.
            ResourceConflictError: the server was started with a command for this image.
        """
        self._require_programs()
        image = arguments.required_name("image", image, "write the name of a docker image.")
        return self.send(operations.set_program(ImageProgram(image=image, command=command)))

    def remove_program(self, image: str) -> None:
        """Remove the command of an image, whose launches are refused from then on.

        Raises:
            UnsupportedError: the platform runs containers.
            ForbiddenError: the token is no admin's.
            NotFoundError: none was set.
        """
        self._require_programs()
        self.send(operations.remove_program(arguments.required_name("image", image, "write the name of an image.")))

    def _require_programs(self) -> None:
        if not self.context.offers(Extension.PROGRAMS):
            raise UnsupportedError("This platform runs the containers of processings; it takes no programs for images.")

    def _processing_id(self, processing: Processing | str | UUID) -> UUID:
        return (processing if isinstance(processing, Processing) else self.get_processing(processing)).id

    def list_processing_inputs(self, processing: Processing | str | UUID) -> list[ProcessingInput]:
        """The inputs that a processing of the organization declares.

        Raises:
            NotFoundError: there is no such processing, or it is no processing of the organization.
        """
        return self.send(operations.list_inputs(self._processing_id(processing)))

    def read_inputs(self, processing: Processing | str | UUID, texts: Mapping[str, str]) -> dict[str, Any]:
        """Read the texts of inputs by the types that a processing declares: NUMBER as a number, all others as text.

        An input that the processing does not declare is text; the platform decides on it at the launch.

        Raises:
            ArgumentError: the text of a NUMBER is none.
        """
        declared = {one.name: one.input_type for one in self.list_processing_inputs(processing)}
        return {
            name: _number(name, text) if declared.get(name) is InputType.NUMBER else text
            for name, text in texts.items()
        }

    @reads()
    def launch_processing(
        self,
        processing: Processing | str | UUID,
        data: Iterable[DataLike] | DataLike | None,
        parameters: dict[str, Any] | None = None,
        cpu: int | None = None,
        gpu: int | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        labels: Mapping[str, str] | None = None,
        everything: bool = False,
    ) -> Job:
        """Start a processing on data and return its job; arguments that are left out take the processing's defaults.

        Args:
            processing: itself, its name, or its id.
            data: data, or their ids.
            inputs: values of the processing's declared inputs, by name.
            idempotency_key: a second launch with the same key answers the first job (where the platform offers it).
            labels: kept with the job, to find it again (where the platform offers it).
            everything: all data of the lake, with None as `data`.

        Raises:
            NoDataError: there are no data.
            ConfigurationError: neither data nor `everything` was given, or both, an argument is not what its field
                takes, or the processing works on something else than a lake.
            BadRequestError: the platform refuses the parameters or the inputs.
            AmbiguousRequestError: the answer was lost and the platform has no keys: look for the job before repeating.
        """
        values = {
            "parameters": arguments.mapping("parameters", parameters),
            "cpu": arguments.whole_number("cpu", cpu, at_least=0),
            "gpu": arguments.whole_number("gpu", gpu, at_least=0),
            "inputs": arguments.mapping("inputs", inputs) or {},
        }
        idempotency_key = arguments.text("idempotency_key", idempotency_key)
        labels = arguments.mapping("labels", labels)
        ids = self._chosen_ids("launch_processing", data, everything)
        if not isinstance(processing, Processing):
            processing = self.get_processing(processing)
        if processing.target is not ProcessingTarget.DATALAKE:
            raise ConfigurationError(
                f"The processing {processing.name!r} works on a {processing.target}, not on data of a lake."
            )
        launch = ProcessingLaunch(processing_id=processing.id, data_ids=tuple(ids), **values)
        return self.send(jobs.launch_processing(self._lake_id, launch, self._mark(idempotency_key, labels)))


def _number(name: str, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError as error:
        raise arguments.refusal(name, text, "the processing declares a NUMBER.") from error
    if not math.isfinite(value):
        raise arguments.refusal(name, text, "write a finite number.")
    return value
