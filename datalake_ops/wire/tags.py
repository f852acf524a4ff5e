"""Tags: names that data of a lake carry."""

from __future__ import annotations

from uuid import UUID

from datalake_ops.wire.model import Choice, WireModel


class TagTarget(Choice):
    """Kind of object that a tag is for."""

    DATA = "DATA"
    ASSET = "ASSET"
    MODEL_VERSION = "MODEL_VERSION"
    MODEL = "MODEL"
    DATASET_VERSION = "DATASET_VERSION"
    DATASET = "DATASET"
    DEPLOYMENT = "DEPLOYMENT"
    PREDICTED_ASSET = "PREDICTED_ASSET"


class Tag(WireModel):
    """A tag; two are the same when their ids are."""

    id: UUID
    name: str
    target_type: TagTarget = TagTarget.DATA


class TagAttachment(WireModel):
    """Answer to attaching or detaching a tag: how many objects it now reached."""

    tag: Tag
    count: int
