"""Body of a launch, with the fields that Picsellia's own tools send beside the documented ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field, ValidationError

from datalake_ops.platform.catalog.ordering import MAX_OFFSET
from datalake_ops.platform.http.errors import bad_request
from datalake_ops.platform.http.id_list import IdList
from datalake_ops.wire.model import WireBody
from datalake_ops.wire.processings import ProcessingLaunch

# Names that the command line reads from `[inputs]`, `[input]` and `[output]` of a run config, declared or not.
DATA_IDS = "data_ids"
MODEL_VERSION = "model_version_id"
OUTPUT_LAKE = "output_datalake_id"
OUTPUT_LAKE_NAME = "target_datalake_name"


class LaunchBody(ProcessingLaunch):
    """Body of a launch; callers older than `inputs` send a model version and the name of an output lake beside it.

    The data are those of `data_ids`; without them, the window of `offset` and `limit` in the lake's list, and without
    these the whole lake.
    """

    data_ids: IdList | None = None  # type: ignore[assignment]
    offset: int | None = Field(default=None, ge=0, le=MAX_OFFSET)
    limit: int | None = Field(default=None, ge=1, le=MAX_OFFSET)
    inputs: dict[str, Any] | None = None  # type: ignore[assignment]
    model_version_id: UUID | None = None
    target_datalake_name: str | None = None

    def named_data(self, declared: frozenset[str]) -> IdList | None:
        """Ids of the data that the launch names, at the top or as an input that the processing does not declare.

        Raises:
            RefusalError: 400, the input is no list of ids, or names other data than the body.
        """
        value = (self.inputs or {}).get(DATA_IDS)
        if value is None or DATA_IDS in declared:
            return self.data_ids
        try:
            found = _DataIds.model_validate({"ids": value}).ids
        except ValidationError as error:
            raise bad_request(f"inputs.{DATA_IDS} must be a list of ids of data.") from error
        if self.data_ids is not None and self.data_ids.sorted_bytes() != found.sorted_bytes():
            raise bad_request(f"{DATA_IDS} and inputs.{DATA_IDS} name different data.")
        return found


class _DataIds(WireBody):
    ids: IdList
