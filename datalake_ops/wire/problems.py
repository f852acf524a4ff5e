"""Body of every error answer."""

from __future__ import annotations

from typing import Any

from datalake_ops.wire.model import WireModel


class Problem(WireModel):
    """Body of an answer of 400 and above: a sentence for people, and details where there are any."""

    message: str
    detail: Any = None
