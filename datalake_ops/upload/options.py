"""Options of an upload: the arguments of `DatalakeHook.upload` besides its source, as one value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Union

from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError
from datalake_ops.lake import CONTENT_KEY
from datalake_ops.upload.progress import OnProgress
from datalake_ops.upload.reporting.failure_policy import FailurePolicy
from datalake_ops.wire.model import Choice

FilePath = Union[str, "os.PathLike[str]"]
Metadata = Mapping[str, Any]
Size = tuple[int, int]
_LONGEST_KEY = 255


class IfExists(Choice):
    """Treatment of a file whose name and content the lake has already."""

    SKIP = "skip"
    UPLOAD = "upload"
    ERROR = "error"


class Unsupported(Choice):
    """Treatment of a file of a type that the platform does not read."""

    FAIL = "fail"
    SKIP = "skip"
    CONVERT = "convert"


@dataclass(frozen=True)
class UploadOptions:
    """Options of an upload, with the names and defaults of `DatalakeHook.upload`, whose docstring explains them.

    Raises:
        ConfigurationError: `max_workers` is below 1, `if_exists`, `unsupported`, `fill_metadata`, `wait`, `raise_on` or
            `max_failed` has a value that it cannot have, or the content key cannot be one.
    """

    tags: Any = None
    source: Any = None
    max_workers: int | None = None
    metadata: Metadata | Sequence[Metadata | None] | None = None
    custom_metadata: Metadata | Sequence[Metadata | None] | None = None
    sizes: Size | Sequence[Size | None] | None = None
    fill_metadata: bool | str = False
    upload_dir: str | None = None
    wait: bool = True
    on_progress: OnProgress | None = None
    if_exists: IfExists | str = IfExists.UPLOAD
    content_key: str = CONTENT_KEY
    journal: FilePath | None = None
    include: str | Sequence[str] | None = None
    exclude: str | Sequence[str] = ()
    # Storage options carry secrets.
    storage_options: Mapping[str, Any] | None = field(default=None, repr=False)
    raise_on: str = "never"
    max_failed: float | None = None
    unsupported: Unsupported | str = Unsupported.FAIL

    def __post_init__(self) -> None:
        if self.if_exists not in tuple(IfExists):
            raise ConfigurationError(f"if_exists is skip, upload or error, got {self.if_exists!r}.")
        if self.unsupported not in tuple(Unsupported):
            raise ConfigurationError(f"unsupported is fail, skip or convert, got {self.unsupported!r}.")
        object.__setattr__(self, "fill_metadata", arguments.fill("fill_metadata", self.fill_metadata) or False)
        object.__setattr__(self, "wait", arguments.flag("wait", self.wait) is not False)
        if not 0 < len(self.content_key) <= _LONGEST_KEY:
            raise ConfigurationError(f"content_key has 1 to {_LONGEST_KEY} characters, got {len(self.content_key)}.")
        object.__setattr__(self, "max_workers", arguments.whole_number("max_workers", self.max_workers))
        if self.max_workers is not None and self.max_workers < 1:
            raise ConfigurationError(f"max_workers must be at least 1, got {self.max_workers}.")
        FailurePolicy(self.raise_on, self.max_failed)

    def arguments(self) -> dict[str, Any]:
        """Return the options as keyword arguments of `DatalakeHook.upload`."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @property
    def lists(self) -> tuple[Any, Any, Any]:
        """Metadata, custom metadata and sizes: each is one value for all files, or a list with one per source."""
        return self.metadata, self.custom_metadata, self.sizes

    @property
    def failure_policy(self) -> FailurePolicy:
        """The number of failures at which the upload raises."""
        return FailurePolicy(self.raise_on, self.max_failed)
