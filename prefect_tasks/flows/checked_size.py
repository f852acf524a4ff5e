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
    """A flow of which a parameter may be a long list; one that is too long is refused, with the way out.

    Prefect refuses parameters above 512 KiB (`PREFECT_SERVER_API_MAX_PARAMETER_SIZE`) without a word on what to do.
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
    """`@flow` with that check, which says what to do instead; options are those of `Flow`."""

    def decorate(fn: Callable[P, R]) -> SizedFlow[P, R]:
        sized = SizedFlow(fn, **options)
        sized.way_out = way_out
        return sized

    return decorate
