"""The same verbs through our hook and through the official SDK, with plain values as results.

A scenario is a function of one client. It runs twice, on two fresh lakes of one running platform, and what it returns
must be equal: a mistake that our client and our platform share would show as a difference to the SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from datalake_ops import DatalakeHook, ErrorManager
from datalake_ops.wire.data import Data

Plain = dict[str, Any]
# Our error class beside the official SDK's for the same event.
SAME_ERROR = {
    "NotFoundError": "ResourceNotFoundError",
    "InvalidQueryError": "BadRequestError",
    "UnprocessableDataError": "UnprocessableData",
    "NoDataError": "NoDataError",
    "InvalidFileError": "UploadError",
}


class Client(Protocol):
    """What a scenario may ask of a lake."""

    def upload(self, paths: Any, **options: Any) -> list[Plain]: ...
    def upload_errors(self, paths: Any, **options: Any) -> tuple[list[Plain], list[str]]: ...
    def find(self, **criteria: Any) -> Plain: ...
    def list(self, **filters: Any) -> list[Plain]: ...
    def ids(self, **filters: Any) -> list[Any]: ...
    def tag_names(self, **window: Any) -> list[str]: ...
    def create_tag(self, name: str) -> str: ...
    def get_tag(self, name: str) -> str: ...
    def get_or_create_tag(self, name: str) -> str: ...
    def add_tags(self, filenames: list[str], tags: list[str]) -> None: ...
    def remove_tags(self, filenames: list[str], tags: list[str]) -> None: ...
    def project(self, filename: str, name: str, path: Path, **options: Any) -> Plain: ...
    def projections(self, filename: str) -> list[Plain]: ...
    def import_prefixes(self, prefixes: list[str], **options: Any) -> str: ...
    def import_objects(self, objects: dict[str, Any]) -> str: ...
    def launch(self, processing: str, filenames: list[str], **options: Any) -> str: ...
    def processing_names(self) -> list[str]: ...
    def update_many(self, changes: dict[str, Any]) -> None: ...
    def update_metadata(self, filename: str, metadata: Any) -> Plain: ...
    def update_custom_metadata(self, filename: str, metadata: Any) -> Plain: ...
    def delete(self, filenames: list[str]) -> None: ...
    def download(self, filenames: list[str], directory: Path) -> None: ...


def failure_of(call: Callable[[], Any]) -> str:
    """The name of the error a call raises, in the official SDK's words."""
    try:
        call()
    except Exception as error:
        name = type(error).__name__
        return SAME_ERROR.get(name, name)
    return "no error"


class HookClient:
    """Our hook."""

    def __init__(self, hook: DatalakeHook) -> None:
        self.hook = hook

    def upload(self, paths: Any, **options: Any) -> list[Plain]:
        return _sorted(_ours(data) for data in _many(self.hook.upload_data(paths, **options)))

    def upload_errors(self, paths: Any, **options: Any) -> tuple[list[Plain], list[str]]:
        manager = ErrorManager()
        done = self.upload(paths, error_manager=manager, **options)
        return done, sorted(Path(error.path).name for error in manager.errors)

    def find(self, **criteria: Any) -> Plain:
        return _ours(self.hook.find_data(**criteria))

    def list(self, **filters: Any) -> list[Plain]:
        return [_ours(data) for data in self.hook.list_data(**filters)]

    def ids(self, **filters: Any) -> list[Any]:
        return self.hook.list_data(**filters).ids

    def tag_names(self, **window: Any) -> list[str]:
        return [tag.name for tag in self.hook.list_data_tags(**window)]

    def create_tag(self, name: str) -> str:
        return self.hook.create_data_tag(name).name

    def get_tag(self, name: str) -> str:
        return self.hook.get_data_tag(name).name

    def get_or_create_tag(self, name: str) -> str:
        return self.hook.get_or_create_data_tag(name).name

    def add_tags(self, filenames: list[str], tags: list[str]) -> None:
        self.hook.add_tags(self.hook.list_data(filenames=filenames), tags)

    def remove_tags(self, filenames: list[str], tags: list[str]) -> None:
        self.hook.remove_tags(self.hook.list_data(filenames=filenames), tags)

    def project(self, filename: str, name: str, path: Path, **options: Any) -> Plain:
        made = self.hook.create_projection(self.hook.find_data(filename=filename), name, str(path), **options)
        return {"name": made.name, "filename": made.filename, "infos": made.infos}

    def projections(self, filename: str) -> list[Plain]:
        found = self.hook.list_projections(self.hook.find_data(filename=filename))
        return [{"name": one.name, "filename": one.filename} for one in found]

    def import_prefixes(self, prefixes: list[str], **options: Any) -> str:
        return str(self.hook.wait_for_job(self.hook.import_bucket_objects(prefixes, **options), timeout=240).status)

    def import_objects(self, objects: dict[str, Any]) -> str:
        (job,) = self.hook.import_cloud_objects(objects)
        return str(self.hook.wait_for_job(job, timeout=240).status)

    def launch(self, processing: str, filenames: list[str], **options: Any) -> str:
        data = self.hook.list_data(filenames=filenames)
        job = self.hook.launch_processing(self.hook.get_processing(processing), data, **options)
        return str(self.hook.wait_for_job(job, timeout=240, raise_on_failure=False).status)

    def processing_names(self) -> list[str]:
        return sorted(processing.name for processing in self.hook.list_processings())

    def update_many(self, changes: dict[str, Any]) -> None:
        self.hook.update_multiple_data({self.hook.find_data(filename=name).id: what for name, what in changes.items()})

    def update_metadata(self, filename: str, metadata: Any) -> Plain:
        return _ours(self.hook.update_metadata(self.hook.find_data(filename=filename), metadata))

    def update_custom_metadata(self, filename: str, metadata: Any) -> Plain:
        self.hook.update_custom_metadata(self.hook.find_data(filename=filename), metadata)
        return self.find(filename=filename)

    def delete(self, filenames: list[str]) -> None:
        self.hook.delete_data(self.hook.list_data(filenames=filenames))

    def download(self, filenames: list[str], directory: Path) -> None:
        self.hook.download(self.hook.list_data(filenames=filenames), directory)


class SdkClient:
    """The official SDK, unmodified."""

    def __init__(self, client: Any, lake_id: str) -> None:
        self.client = client
        self.lake = client.get_datalake(id=lake_id)

    def upload(self, paths: Any, **options: Any) -> list[Plain]:
        return _sorted(_theirs(data) for data in _many(self.lake.upload_data(paths, **options)))

    def upload_errors(self, paths: Any, **options: Any) -> tuple[list[Plain], list[str]]:
        from picsellia.services.error_manager import ErrorManager as SdkErrorManager

        manager = SdkErrorManager()
        done = self.upload(paths, error_manager=manager, **options)
        return done, sorted(Path(error.path).name for error in manager.errors)

    def find(self, **criteria: Any) -> Plain:
        return _theirs(self.lake.find_data(**criteria))

    def list(self, **filters: Any) -> list[Plain]:
        return [_theirs(data) for data in self.lake.list_data(**filters)]

    def ids(self, **filters: Any) -> list[Any]:
        return [data.id for data in self.lake.list_data(**filters)]

    def tag_names(self, **window: Any) -> list[str]:
        return [tag.name for tag in self.lake.list_data_tags(**window)]

    def create_tag(self, name: str) -> str:
        return str(self.lake.create_data_tag(name).name)

    def get_tag(self, name: str) -> str:
        return str(self.lake.get_data_tag(name).name)

    def get_or_create_tag(self, name: str) -> str:
        return str(self.lake.get_or_create_data_tag(name).name)

    def add_tags(self, filenames: list[str], tags: list[str]) -> None:
        found = [self.lake.get_or_create_data_tag(tag) for tag in tags]
        self.lake.list_data(filenames=filenames).add_tags(found)

    def remove_tags(self, filenames: list[str], tags: list[str]) -> None:
        found = [self.lake.get_data_tag(tag) for tag in tags]
        self.lake.list_data(filenames=filenames).remove_tags(found)

    def project(self, filename: str, name: str, path: Path, **options: Any) -> Plain:
        made = self.lake.create_projection(self.lake.find_data(filename=filename), name, str(path), **options)
        return {"name": made.name, "filename": made.filename, "infos": made.infos}

    def projections(self, filename: str) -> list[Plain]:
        found = self.lake.find_data(filename=filename).list_projections()
        return [{"name": one.name, "filename": one.filename} for one in found]

    def import_prefixes(self, prefixes: list[str], **options: Any) -> str:
        return _ended(self.lake.import_bucket_objects(prefixes, **options))

    def import_objects(self, objects: dict[str, Any]) -> str:
        return _ended(self.lake.import_cloud_objects(objects))

    def launch(self, processing: str, filenames: list[str], **options: Any) -> str:
        data = self.lake.list_data(filenames=filenames)
        return _ended(self.lake.launch_processing(self.client.get_processing(processing), data, **options))

    def processing_names(self) -> list[str]:
        return sorted(processing.name for processing in self.client.list_processings())

    def update_many(self, changes: dict[str, Any]) -> None:
        self.lake.update_multiple_data({self.lake.find_data(filename=name).id: what for name, what in changes.items()})

    def update_metadata(self, filename: str, metadata: Any) -> Plain:
        data = self.lake.find_data(filename=filename)
        data.update_metadata(metadata)
        return _theirs(data)

    def update_custom_metadata(self, filename: str, metadata: Any) -> Plain:
        self.lake.find_data(filename=filename).update_custom_metadata(metadata)
        return self.find(filename=filename)

    def delete(self, filenames: list[str]) -> None:
        self.lake.list_data(filenames=filenames).delete()

    def download(self, filenames: list[str], directory: Path) -> None:
        self.lake.list_data(filenames=filenames).download(str(directory))


def _ended(job: Any) -> str:
    status = job.wait_for_done(blocking_time_increment=0.2, attempts=600)
    return str(getattr(status, "value", status))


def _many(data: Any) -> Iterable[Any]:
    return data if type(data).__name__ == "MultiData" else [data]


def _sorted(rows: Iterable[Plain]) -> list[Plain]:
    # The SDK answers in the order of completion.
    return sorted(rows, key=lambda row: row["filename"])


def _ours(data: Data) -> Plain:
    return {
        "filename": data.filename,
        "type": data.type.value,
        "content_type": data.content_type,
        "status": data.upload_status.value,
        "size": (data.width, data.height),
        "metadata": data.metadata,
        "custom_metadata": data.custom_metadata,
    }


def _theirs(data: Any) -> Plain:
    return {
        "filename": data.filename,
        "type": data.type.value,
        "content_type": data.content_type,
        "status": data.upload_status.value,
        "size": (data.width, data.height),
        "metadata": data.metadata,
        "custom_metadata": data.custom_metadata,
    }
