"""Operations on processings."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datalake_ops.client.operation import Operation, Repeat, items, model, nothing, query
from datalake_ops.wire import routes
from datalake_ops.wire.processings import (
    ImageProgram,
    Processing,
    ProcessingChange,
    ProcessingInput,
    ProcessingToCreate,
)


def find_processing(organization: UUID, name: str) -> Operation[Processing]:
    """The organization's processing of that exact name."""
    path = routes.PROCESSINGS_FIND.format(organization=organization)
    return Operation("GET", path, model(Processing), query(name=name))


def find_public_processing(name: str) -> Operation[Processing]:
    """A processing that the platform offers to everybody."""
    return Operation("GET", routes.PROCESSINGS_PUBLIC_FIND, model(Processing), query(name=name))


def get_processing(processing: UUID) -> Operation[Processing]:
    """A processing by its id."""
    return Operation("GET", routes.PROCESSING.format(processing=processing), model(Processing))


def list_processings(
    organization: UUID, limit: int | None = None, offset: int | None = None, order_by: Sequence[str] | None = None
) -> Operation[list[Processing]]:
    """The organization's processings; all of them without a limit."""
    pairs = query(limit=limit, offset=offset, order_by=list(order_by or []))
    return Operation("GET", routes.PROCESSINGS.format(organization=organization), items(Processing), pairs)


def list_inputs(processing: UUID) -> Operation[list[ProcessingInput]]:
    """The inputs that a processing of the organization declares."""
    return Operation("GET", routes.PROCESSING_INPUTS.format(processing=processing), items(ProcessingInput))


def create_processing(organization: UUID, processing: ProcessingToCreate) -> Operation[Processing]:
    """Register a processing; the platform refuses a name that is there (409)."""
    path = routes.PROCESSINGS.format(organization=organization)
    return Operation("POST", path, model(Processing), body=processing.payload(), repeat=Repeat.ONCE)


def update_processing(processing: UUID, change: ProcessingChange) -> Operation[Processing]:
    """Change a processing of the organization."""
    return Operation("PATCH", routes.PROCESSING.format(processing=processing), model(Processing), body=change.payload())


def delete_processing(processing: UUID) -> Operation[None]:
    """Delete a processing of the organization; its jobs stay."""
    return Operation("DELETE", routes.PROCESSING.format(processing=processing), nothing)


def add_input(processing: UUID, declared: ProcessingInput) -> Operation[ProcessingInput]:
    """Declare an input of a processing; the platform refuses a name that is there (409)."""
    body = {**declared.model_dump(), "inference_type_constraint": None, "framework_constraint": None}
    path = routes.PROCESSING_INPUTS.format(processing=processing)
    return Operation("POST", path, model(ProcessingInput), body=body, repeat=Repeat.ONCE)


def list_programs() -> Operation[list[ImageProgram]]:
    """The commands that admins set in place of docker images (extension `programs`)."""
    return Operation("GET", routes.PROGRAMS, items(ImageProgram))


def set_program(program: ImageProgram) -> Operation[ImageProgram]:
    """Set the command of an image (extension `programs`, an admin's token)."""
    return Operation("PUT", routes.PROGRAMS, model(ImageProgram), body=program.model_dump())


def remove_program(image: str) -> Operation[None]:
    """Remove the command of an image (extension `programs`, an admin's token)."""
    return Operation("DELETE", routes.PROGRAMS, nothing, query(image=image))
