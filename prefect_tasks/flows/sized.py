"""A flow that says, before anything is sent, what to do about parameters that Prefect would refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect.flows import Flow
from prefect.settings import get_current_settings

from datalake_ops.errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")


class SizedFlow(Flow[P, R]):
    """A flow whose parameters may be a long list of files, and then are refused with the way out.

    Prefect refuses parameters above 512 KiB (`PREFECT_SERVER_API_MAX_PARAMETER_SIZE`) without a word on what to do.
    """

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as Prefect sends them.

        Raises:
            ConfigurationError: they are too large.
        """
        told = super().serialize_parameters(parameters)
        limit = get_current_settings().server.api.max_parameter_size
        if limit and (size := len(json.dumps(told, default=str))) > limit:
            raise ConfigurationError(
                f"The parameters of {self.name!r} take {size} bytes, and Prefect takes {limit}. Name the files by "
                "their folder, or write them to a manifest and pass its address: "
                "manifest=prefect_tasks.write_manifest('s3://bucket/files.jsonl', files)."
            )
        return told


def sized_flow(**options: Any) -> Callable[[Callable[P, R]], SizedFlow[P, R]]:
    """`@flow` with that check; options are those of `Flow`."""

    def decorate(fn: Callable[P, R]) -> SizedFlow[P, R]:
        return SizedFlow(fn, **options)

    return decorate
