"""Reports of an upload and of its retries in one folder, for the files that are still not in the lake."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError
from prefect_tasks.runs.run_names import redact_address
from prefect_tasks.uploads.shared_folder import NOTE, SharedFolder

if TYPE_CHECKING:
    from datalake_ops.upload.sources.hash_set import HashSet
    from datalake_ops.upload.sources.manifest import Manifest

_DONE = ("UPLOADED", "SKIPPED", "UNSUPPORTED")
_FORM = ".jsonl"


def shard_name(shard: Mapping[str, Any]) -> str:
    """Return a name of the shard's content: equal shards have equal names."""
    digest = hashlib.sha256(json.dumps(shard, sort_keys=True).encode()).hexdigest()
    return f"shard-{digest[:16]}"


@dataclass(frozen=True)
class Reports:
    """Report of an upload, or of its shards, and of its retries; the newest row of a file counts.

    `plan` are the shards, of an upload in shards; `arguments` are those of that upload.
    """

    folder: SharedFolder
    stem: str
    plan: Sequence[Mapping[str, Any]] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, report: str | os.PathLike[str] | Mapping[str, Any]) -> Reports:
        """Open the reports of an address, of a folder of checkpoints, or of the summary of either.

        Raises:
            ConfigurationError: there is no such report, or no file of JSON lines.
        """
        address = address_of(report)
        folder = SharedFolder(address)
        note = None if address.endswith(_FORM) else folder.read(NOTE)
        if note is not None:
            told = json.loads(note)
            return cls(folder, "upload", told["plan"], told["arguments"])
        parent, _, name = address.rpartition("/")
        beside = SharedFolder(parent or ".")
        if not name.endswith(_FORM) or name not in beside.names():
            raise ConfigurationError(
                f"{address} is no report of JSON lines ({_FORM}), and no folder of checkpoints of ingest_folder."
            )
        return cls(beside, name.removesuffix(_FORM))

    @property
    def name(self) -> str:
        """The report, for people."""
        return redact_address(self.folder.address) if self.plan else f"{self.stem}{_FORM}"

    def to_retry(self) -> Iterator[tuple[str, Any, str]]:
        """Iterate over what is to be uploaded again: its description, its source, and the address of its report.

        Single files that failed come first, then each shard of which there is no report.
        """
        from datalake_ops.upload.sources.subset import Subset

        names = self.folder.names()
        retries = self._retries(names)
        if not self.plan:
            parts = self._parts([f"{self.stem}{_FORM}", *retries])
            for number, (count, source) in enumerate(parts, len(retries) + 1):
                yield f"{count} failed files", source, self._retry_target(number)
            return
        target = self._retry_target(len(retries) + 1)
        told = [shard for shard in self.plan if f"{shard_name(shard)}{_FORM}" in names]
        reported = [*(f"{shard_name(one)}{_FORM}" for one in told), *retries]
        if failed := self._failed(reported):
            yield (
                f"{len(failed)} failed files",
                Subset([dict(one) for one in told], frozenset(failed), done=self._done(reported, failed)),
                target,
            )
        for shard in self.plan:
            if f"{shard_name(shard)}{_FORM}" not in names:
                yield (
                    f"{shard['files']} files without a report",
                    dict(shard),
                    self.folder.at(f"{shard_name(shard)}{_FORM}"),
                )

    def _retries(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith(f"{self.stem}.retry-")]

    def _retry_target(self, number: int) -> str:
        return self.folder.at(f"{self.stem}.retry-{number:04}{_FORM}")

    def _parts(self, names: Sequence[str]) -> Iterator[tuple[int, Any]]:
        """Yield number and source of the files that failed: those by their paths, then those that manifests name."""
        from datalake_ops.upload.sources.subset import Subset

        failed = self._failed(names)
        if paths := [path for path, manifests in failed.items() if not manifests]:
            yield len(paths), paths
        # Read there again: a path alone would pass by what its manifest may reach, and lose its metadata.
        if of_manifests := {path: None for path, manifests in failed.items() if manifests}:
            named = dict.fromkeys(one for manifests in failed.values() for one in manifests)
            yield len(of_manifests), Subset([*named], of_manifests, done=self._done(names, failed))

    def _failed(self, names: Iterable[str]) -> dict[str, dict[Manifest, None]]:
        """Return the paths that failed, in order, each with the manifests that name it."""
        # No more in memory than what failed.
        failed: dict[str, dict[Manifest, None]] = {}
        for name in names:
            for row in self._rows(name):
                if row["status"] in _DONE:
                    failed.pop(row["path"], None)
                    continue
                # A retry that found the row no more wrote one without its manifest, which still bounds the path.
                manifests = failed.setdefault(row["path"], {})
                if row["manifest"] is not None:
                    manifests[row["manifest"]] = None
        return failed

    def _done(self, names: Iterable[str], failed: Collection[str]) -> HashSet:
        # A place that could not be read, such as the rest of a manifest, stands for all below it that is not done.
        from datalake_ops.upload.sources.hash_set import HashSet

        rows = (row for name in names for row in self._rows(name))
        return HashSet(row["path"] for row in rows if row["status"] in _DONE and row["path"] not in failed)

    def _rows(self, name: str) -> Iterator[dict[str, Any]]:
        from datalake_ops.upload.sources.manifest import Manifest

        for number, line in enumerate((self.folder.read(name) or "").rstrip("\n").split("\n"), 1):
            # An empty report has no row; names may hold other separators of lines.
            if not line:
                continue
            try:
                row = json.loads(line)
                # Rows of earlier releases name no manifest.
                manifest = Manifest.from_json(row["manifest"]) if row.get("manifest") else None
                yield {"path": row["path"], "status": row["status"], "manifest": manifest}
            except (ConfigurationError, AttributeError, ValueError, TypeError, KeyError) as error:
                raise ConfigurationError(f"Line {number} of {self.folder.at(name)} is no row of a report.") from error


def address_of(report: str | os.PathLike[str] | Mapping[str, Any]) -> str:
    """Return the address of a report, from itself or from a summary.

    Raises:
        ConfigurationError: the summary names no report.
    """
    if not isinstance(report, Mapping):
        return str(arguments.text("report", report))
    address = report.get("checkpoints") or report.get("report")
    if not address:
        raise ConfigurationError("This summary names no report: give the upload a `report` or `checkpoints` path.")
    return str(address)
