"""Flow class that checks the size of its parameters before anything is sent."""

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
    """Flow that refuses parameters above Prefect's limit with advice (`way_out`).

    Prefect refuses parameters above 512 KiB (`PREFECT_SERVER_API_MAX_PARAMETER_SIZE`) without advice.
    """

    # What to do instead; `sized_flow` sets it.
    way_out = ""

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """The parameters as Prefect sends them.

        Raises:
            ConfigurationError: they are too large.
        """
        told = super().serialize_parameters(parameters)
        limit = get_current_settings().server.api.max_parameter_size
        if limit and (size := len(json.dumps(told, default=str))) > limit:
            raise ConfigurationError(
                f"The parameters of {self.name!r} take {size} bytes, and Prefect takes {limit}. {self.way_out}"
            )
        return told

    def with_options(self, *args: Any, **kwargs: Any) -> SizedFlow[P, R]:
        """A copy with other options, and the same check."""
        # Prefect makes a plain flow of a copy, and this class adds nothing to one but the check.
        copy: Any = super().with_options(*args, **kwargs)
        copy.__class__ = type(self)
        copy.way_out = self.way_out
        sized: SizedFlow[P, R] = copy
        return sized


def sized_flow(way_out: str, **options: Any) -> Callable[[Callable[P, R]], SizedFlow[P, R]]:
    """Decorator `@flow` with that check; `way_out` is the advice, options are those of `Flow`."""

    def decorate(fn: Callable[P, R]) -> SizedFlow[P, R]:
        sized = SizedFlow(fn, **options)
        sized.way_out = way_out
        return sized

    return decorate
