"""Operations on processings."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datalake_ops.client.operation import Operation, items, model, query
from datalake_ops.wire import routes
from datalake_ops.wire.processings import Processing, ProcessingInput


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
