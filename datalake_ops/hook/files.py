"""Verbs that move files: upload, projections, download."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datalake_ops import arguments
from datalake_ops.errors import NoDataError, NotFoundError
from datalake_ops.hook.data import DataVerbs
from datalake_ops.hook.observation import reads, writes
from datalake_ops.hook.sources import SourceVerbs
from datalake_ops.hook.tags import TagVerbs
from datalake_ops.hook.verb_arguments import DataLike, SourceLike, TagLike, data_id, given_source
from datalake_ops.wire.data import Data, DataProjection, MultiData
from datalake_ops.wire.image_metadata import FILL_ALL

if TYPE_CHECKING:
    from datalake_ops.errors import ErrorManager
    from datalake_ops.upload.name_resolver import NameResolver
    from datalake_ops.upload.options import UploadOptions
    from datalake_ops.upload.progress import OnProgress
    from datalake_ops.upload.projection import ProjectionReport
    from datalake_ops.upload.reporting.report import UploadReport

FilePath = str | PathLike[str]
Metadata = Mapping[str, Any]
_RENDERING = "write what the rendering is, such as mask."


class FileVerbs(DataVerbs, TagVerbs, SourceVerbs):
    """Upload files as data or projections, and download data as files."""

    @writes("tags", "source")
    def upload_data(
        self,
        filepaths: Any,
        tags: TagLike | Sequence[TagLike] | None = None,
        source: SourceLike | None = None,
        max_workers: int | None = None,
        error_manager: ErrorManager | None = None,
        metadata: Metadata | Sequence[Metadata | None] | None = None,
        fill_metadata: bool | str | None = False,
        wait_for_unprocessable_data: bool | None = True,
        upload_dir: str | None = None,
        custom_metadata: Metadata | Sequence[Metadata | None] | None = None,
        sizes: tuple[int, int] | Sequence[tuple[int, int] | None] | None = None,
    ) -> Data | MultiData:
        """Upload files and return their data in the order of the paths: one `Data`, or a `MultiData` of several.

        A file that fails does not stop the others: its error goes to `error_manager`, with the file's full path.
        `upload` does the same, takes the same sources, and returns a row for every file.

        Args:
            tags: put on every data; tags named by text are created when missing.
            source: where the files came from; a source named by text is created when missing.
            metadata, custom_metadata, sizes: one value for all files, or a list with one (or None) per file.
            fill_metadata: read EXIF into metadata, as the official SDK does; "full" reads place, moment of the exposure
                with its offset, and camera too. Keys given in `metadata` win.
            wait_for_unprocessable_data: wait until the platform has read the files, and count those it cannot
                read as failed.
            upload_dir: prefix of the object names, on storages of the organization's own.

        Raises:
            NothingDoneError: every file failed.
            ConfigurationError: a list has another length than the paths; nothing was sent.
        """
        from datalake_ops.upload.reporting.sdk_result import sdk_result

        report = self.upload(
            filepaths,
            tags,
            source,
            max_workers=max_workers,
            metadata=metadata or None,
            custom_metadata=custom_metadata or None,
            sizes=sizes,
            fill_metadata=False if fill_metadata is None else fill_metadata,
            upload_dir=upload_dir,
            wait=arguments.flag("wait_for_unprocessable_data", wait_for_unprocessable_data) is not False,
        )
        return sdk_result(report, error_manager)

    @writes("tags", "source")
    def upload(
        self,
        filepaths: Any,
        tags: TagLike | Sequence[TagLike] | None = None,
        source: SourceLike | None = None,
        *,
        max_workers: int | None = None,
        metadata: Metadata | Sequence[Metadata | None] | None = None,
        custom_metadata: Metadata | Sequence[Metadata | None] | None = None,
        sizes: tuple[int, int] | Sequence[tuple[int, int] | None] | None = None,
        fill_metadata: bool | str = False,
        upload_dir: str | None = None,
        wait: bool = True,
        on_progress: OnProgress | None = None,
        if_exists: str = "upload",
        content_key: str = "content_sha256",
        journal: FilePath | None = None,
        include: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] = (),
        storage_options: Mapping[str, Any] | None = None,
        raise_on: str = "never",
        max_failed: float | None = None,
        unsupported: str = "fail",
    ) -> UploadReport:
        """Upload files and return a report with one row per file, in their order; a single file never raises.

        Arguments as in `upload_data`; `on_progress` is called a few times a second, and without it the progress is
        logged.

        Args:
            filepaths: one source or many: paths, folders and patterns (their images and videos), fsspec URLs, object
                storage paths, open binary streams, `Manifest`s and `Shard`s. Read as it is needed.
            include, exclude: patterns for the files of folders and patterns, see `upload.sources.patterns.PathFilter`.
            storage_options: go to fsspec with each URL of a source or a manifest, not with the journal's.
            raise_on: "never", "any" or "all": the failures that raise, after everything that can be uploaded was.
            max_failed: number of files that may fail before that raises, or a share below 1 like 0.01.
            if_exists: treatment of a file whose name and content the lake has: "upload" it once more, "skip" it, or
                "error". To compare the content, its SHA-256 is kept in custom metadata under `content_key`.
            unsupported: treatment of a file of a type that the platform does not read: "fail" before it is sent, "skip"
                it, or "convert" it to JPEG or PNG. A platform that does not announce what it reads gets such a file
                as it is with "fail"; "skip" and "convert" go by the types that its documentation names.
            journal: a SQLite file, or an fsspec URL, for the progress of each file: the same call made again after a
                kill sends only what is missing.

        Raises:
            NoDataError: no source was given (`[]`, `""`), no source has a file, or `include` is given and empty.
            ConfigurationError: a list has another length than the paths, the journal cannot be used, or the lake's
                schema has no place for the content key and there is no journal; nothing was sent.
            AnswerError, NetworkError: the lake, a tag or the source cannot be looked up; nothing was sent.
            NothingDoneError, IncompleteUploadError: more files failed than `raise_on` and `max_failed` allow.
        """
        from datalake_ops.upload.options import UploadOptions

        _require_files("upload", "filepaths", filepaths)
        if arguments.is_empty(include):
            raise NoDataError("`include` is empty and chooses no file; leave it out to take all images and videos.")
        options = UploadOptions(
            tags,
            source,
            max_workers=max_workers,
            metadata=metadata,
            custom_metadata=custom_metadata,
            sizes=sizes,
            fill_metadata=fill_metadata,
            upload_dir=upload_dir,
            wait=wait,
            on_progress=on_progress,
            if_exists=if_exists,
            content_key=content_key,
            journal=journal,
            include=include,
            exclude=exclude,
            storage_options=storage_options,
            raise_on=raise_on,
            max_failed=max_failed,
            unsupported=unsupported,
        )
        return self._upload(filepaths, options)

    def retry_upload(self, /, report: UploadReport, **changes: Any) -> UploadReport:
        """Upload the failed files of a report again, with the same arguments; `changes` replace arguments of `upload`.

        Metadata, tags and sources of single files are those they had; of an iterator only the paths are known. A folder
        that could not be listed and a manifest that could not be read to its end are read again whole. A file that is
        not found again is a FAILED row. UNPROCESSABLE files are sent again only with `if_exists` or a journal, which
        find them in the lake; else their rows are repeated. Storage options do not travel between processes: give them
        again. A stream that can be read only once cannot be sent again, and its row says so.

        Raises:
            DatalakeError: as `upload`.
        """
        from datalake_ops.upload.reporting.retry import retry_source
        from datalake_ops.upload.reporting.retry_plan import RetryPlan

        again = {**(report.retry_plan or RetryPlan()).arguments, **changes}
        # Plans of earlier releases have () there, which was no choice.
        again["include"] = again.get("include") or None
        return self.upload(retry_source(report, again), **again)

    def _upload(self, filepaths: Any, options: UploadOptions) -> UploadReport:
        from datalake_ops.upload.engine import upload_files
        from datalake_ops.upload.entries import Entries, as_reusable
        from datalake_ops.upload.progress import LogProgress
        from datalake_ops.upload.reporting.retry_plan import RetryPlan
        from datalake_ops.upload.request import UploadRequest

        filepaths = as_reusable(filepaths, *options.lists)
        plan = RetryPlan.of(filepaths, options.arguments())
        on_progress = options.on_progress or LogProgress()
        options = replace(options, max_workers=self._workers(options.max_workers), on_progress=on_progress)
        request = UploadRequest(filepaths, options, names=self._names())
        # Arguments that cannot be right are refused before a tag or a source is created for them.
        entries = Entries(request)
        entries.require_files()
        source = given_source(options.source)
        tag_ids = tuple(tag.id for tag in self._resolve_tags(options.tags))
        origin = self._resolve_source(source)
        known, keys = self.context.readable_types, self._camera_keys(options)
        request = replace(
            request,
            tag_ids=tag_ids,
            source_id=origin.id if origin else None,
            readable_types=known,
            camera_keys=keys,
        )
        report = upload_files(request, self.connection, self.context, entries)
        report = replace(report, retry_plan=plan)
        options.failure_policy.check(report)
        return report

    @writes()
    def create_projection(
        self,
        data: DataLike,
        name: str,
        path: FilePath,
        additional_info: dict[str, Any] | None = None,
        fill_metadata: bool | str = False,
    ) -> DataProjection:
        """Upload an image as a projection of a data: another rendering of it.

        `fill_metadata` reads EXIF into `additional_info`, "full" all that it tells; keys given there win.

        Raises:
            ArgumentError: the name or another argument is not what its field takes; nothing was sent.
            InvalidFileError: the file is missing or cannot be decoded; nothing was sent.
        """
        from datalake_ops.upload.projection import ProjectionRequest, upload_projection

        called = arguments.required_name("name", name, _RENDERING)
        fill = arguments.fill("fill_metadata", fill_metadata) or False
        one = data if isinstance(data, Data) else self.get_data(data)
        request = ProjectionRequest(one.id, called, fspath(path), additional_info, fill)
        return upload_projection(request, self.connection, self.context)

    @writes()
    def create_projections(
        self,
        pictures: Iterable[tuple[DataLike, FilePath]],
        name: str,
        *,
        fill_metadata: bool | str = False,
        max_workers: int | None = None,
        if_exists: str = "upload",
        on_progress: OnProgress | None = None,
    ) -> list[ProjectionReport]:
        """Upload projections of many data, each given with its file, and return a report on each, in order.

        A picture that fails does not stop the others: its report has the error. `pictures` is read as it is needed.
        `if_exists="skip"` leaves out data that have a projection of that name, so that a repeated call
        duplicates nothing. `on_progress` is called a few times a second, and without it the progress is logged.

        Raises:
            NoDataError: `pictures` is empty.
            ConfigurationError: `max_workers` is below 1, a data is no data, or `if_exists` is none of its words.
        """
        from datalake_ops.concurrency.limiter import DEFAULT_WORKERS
        from datalake_ops.upload.progress import LogProgress
        from datalake_ops.upload.projection import ProjectionRequest, upload_projections

        _require_files("create_projections", "pictures", pictures)
        max_workers = arguments.whole_number("max_workers", self._workers(max_workers), at_least=1)
        if_exists = arguments.choice("if_exists", if_exists, ("upload", "skip")) or "upload"
        called = arguments.required_name("name", name, _RENDERING)
        skip, fill = if_exists == "skip", arguments.fill("fill_metadata", fill_metadata) or False
        requests = (ProjectionRequest(data_id(data), called, fspath(path), None, fill, skip) for data, path in pictures)
        workers, callback = max_workers or DEFAULT_WORKERS, on_progress or LogProgress()
        return upload_projections(requests, self.connection, self.context, workers, callback)

    @reads()
    def download(
        self,
        data: DataLike | Iterable[DataLike] | None,
        directory: FilePath,
        use_id: bool = False,
        force_replace: bool = False,
        max_workers: int | None = None,
        content_key: str | None = "content_sha256",
        *,
        everything: bool = False,
    ) -> list[Path]:
        """Download data into a directory and return the files' paths, in order.

        A file that holds the data already, by its size and the SHA-256 that an upload left, is kept unless
        `force_replace`. One of the same size without a known SHA-256 is fetched and compared, unless its name has the
        data's id. Another file of that name stays: the data's gets the id in its name. Files are written under another
        name and renamed, so that a file is always whole.

        Args:
            content_key: key of custom metadata with the SHA-256 that an upload left, to compare with, or None.
            use_id: name the files by id instead of by file name.
            force_replace: fetch every file again, in place of one of its name.
            everything: all data of the lake, with None as `data`.

        Raises:
            ArgumentError: neither data nor `everything` was given, or both; or a flag is neither true nor false.
            NoDataError: there are no data.
            DownloadError: some data could not be downloaded; all others were.
        """
        from datalake_ops.download.downloader import DownloadRequest, download_data

        by_id, fetches_all = arguments.flag("use_id", use_id), arguments.flag("force_replace", force_replace)
        chosen = self._chosen_data("download", data, everything)
        wanted = [one if isinstance(one, Data) else self.get_data(one) for one in chosen]
        workers = self._workers(max_workers)
        request = DownloadRequest(wanted, Path(directory), bool(by_id), bool(fetches_all), workers, content_key)
        return download_data(request, self.connection, self.context)

    def _camera_keys(self, options: UploadOptions) -> frozenset[str]:
        """The keys of custom metadata that the lake takes for what a camera writes."""
        if options.fill_metadata != FILL_ALL:
            return frozenset()
        from datalake_ops.client.lakes import get_metadata_schema
        from datalake_ops.wire.camera_metadata import CUSTOM_KEYS
        from datalake_ops.wire.custom_metadata import required_beside, takes_text

        try:
            schema = self.send(get_metadata_schema(self._lake_id))
        except NotFoundError:
            # A platform without schemas takes every key.
            schema = {}
        # Where others are required, none can be added to a file that has none of them.
        return frozenset(key for key in CUSTOM_KEYS if takes_text(key, schema) and not required_beside(key, schema))

    def _names(self) -> NameResolver:
        from datalake_ops.upload.name_resolver import NameResolver

        return NameResolver(
            lambda name: self.get_or_create_data_tag(name).id, lambda name: self.get_or_create_data_source(name).id
        )


def _require_files(verb: str, field: str, given: Any) -> None:
    if given is None:
        raise arguments.refusal(field, given, f"write what {verb} is to upload.")
    if arguments.is_empty(given):
        raise NoDataError(f"{verb} was given no {field}: there is nothing to do.")
