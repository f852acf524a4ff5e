"""Processings: programs that the platform runs on data."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from datalake_ops.wire.model import Choice, WireBody, WireModel


class ProcessingTarget(Choice):
    """Kind of object that a processing works on."""

    DATALAKE = "DATALAKE"
    DATASET_VERSION = "DATASET_VERSION"
    MODEL_VERSION = "MODEL_VERSION"


class ProcessingType(Choice):
    """The older, finer word for what a processing does (deprecated on the wire)."""

    PRE_ANNOTATION = "PRE_ANNOTATION"
    DATA_AUGMENTATION = "DATA_AUGMENTATION"
    DATASET_VERSION_CREATION = "DATASET_VERSION_CREATION"
    AUTO_TAGGING = "AUTO_TAGGING"
    AUTO_ANNOTATION = "AUTO_ANNOTATION"
    DATA_AUTO_TAGGING = "DATA_AUTO_TAGGING"
    MODEL_COMPRESSION = "MODEL_COMPRESSION"
    MODEL_CONVERSION = "MODEL_CONVERSION"


class InputType(Choice):
    """Type of a declared input of a processing."""

    TEXT = "TEXT"
    NUMBER = "NUMBER"
    DATASET_VERSION = "DATASET_VERSION"
    MODEL_VERSION = "MODEL_VERSION"
    MODEL = "MODEL"
    DATALAKE = "DATALAKE"
    DATASET = "DATASET"


class Processing(WireModel):
    """A processing: its name, what it works on and the image that holds its program."""

    id: UUID
    name: str
    target: ProcessingTarget
    docker_image: str
    docker_tag: str
    type: ProcessingType | None = None
    description: str | None = None
    default_parameters: dict[str, Any] | None = None


class ProcessingInput(WireModel):
    """An input that a processing declares; a launch gives its value by its name."""

    name: str
    input_type: InputType
    required: bool = False


class ProcessingToCreate(WireBody):
    """Body that registers a processing; null means the platform's default."""

    name: str
    docker_image: str
    docker_tag: str = "latest"
    target: ProcessingTarget = ProcessingTarget.DATALAKE
    type: ProcessingType | None = None
    description: str | None = None
    default_cpu: int | None = None
    default_gpu: int | None = None
    default_parameters: dict[str, Any] | None = None
    docker_flags: tuple[str, ...] | None = None


class ProcessingChange(WireBody):
    """Body that changes a processing; a field that is None stays as it is."""

    docker_image: str | None = None
    docker_tag: str | None = None
    description: str | None = None
    default_cpu: int | None = None
    default_gpu: int | None = None
    default_parameters: dict[str, Any] | None = None

    def payload(self) -> dict[str, Any]:
        """The fields that change."""
        return self.model_dump(exclude_none=True)


class ImageProgram(WireModel):
    """Command line that the embedded platform runs in place of a docker image."""

    image: str
    command: str


class ProcessingLaunch(WireBody):
    """Body that launches a processing on data of a lake; null means the processing's default."""

    processing_id: UUID
    parameters: dict[str, Any] | None = None
    data_ids: tuple[UUID, ...] = ()
    cpu: int | None = None
    gpu: int | None = None
    inputs: dict[str, Any] = {}


def tag_record_name(datalake: UUID, processing: str) -> str:
    """Name of the object in which a processing keeps which data of a lake it gave its tags."""
    return f"processings/{datalake}/{processing}.tags"
