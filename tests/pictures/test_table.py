"""One table of what upload, import, `--check` and the processings say of each picture of the corpus."""

from __future__ import annotations

import io
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.preflight import FileProblem, Preflight, check
from datalake_ops.upload.reporting.report import FileReport, FileStatus, UploadReport
from datalake_ops.wire.data import Data, DataType, UploadStatus
from tests.pictures.corpus import COLOURS, CORPUS, ORIENTATIONS, PAGES, Sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole corpus."""
    path = tmp_path_factory.mktemp("corpus")
    for sample in CORPUS:
        sample.write(path)
    return path


@pytest.fixture(scope="module")
def platform(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformServer]:
    """A platform whose bucket is the corpus."""
    with PlatformServer(home=tmp_path_factory.mktemp("home"), bucket=folder) as server:
        yield server


@pytest.fixture(scope="module")
def hook(platform: PlatformServer) -> Iterator[DatalakeHook]:
    """A hook of the platform."""
    with platform.hook() as one:
        yield one


@pytest.fixture(scope="module")
def uploaded(hook: DatalakeHook, folder: Path) -> UploadReport:
    """The upload of the folder, with one row per file that the walk found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hook.upload(folder, fill_metadata="full")


@pytest.fixture(scope="module")
def rows(uploaded: UploadReport) -> Mapping[str, FileReport]:
    """Its rows by name."""
    return {Path(row.path).name: row for row in uploaded.files}


@pytest.fixture(scope="module")
def imported(hook: DatalakeHook, uploaded: UploadReport) -> Mapping[str, Data]:
    """The import of the bucket."""
    job = hook.import_bucket_objects([""], source="bucket")
    hook.wait_for_job(job, timeout=300)
    return {data.object_name: data for data in hook.list_data(q='data_source.name = "bucket"')}


@pytest.fixture(scope="module")
def processed(hook: DatalakeHook, imported: Mapping[str, Data]) -> Mapping[str, Data]:
    """The import, after each processing ran over all of it."""
    names = ("thumbnails", "quality-tagging", "near-duplicates")
    for job in [hook.launch_processing(name, list(imported.values())) for name in names]:
        hook.wait_for_job(job, timeout=300)
    return {data.object_name: data for data in hook.list_data(q='data_source.name = "bucket"')}


@pytest.fixture(scope="module")
def of_the_sdk(platform: PlatformServer, folder: Path) -> Mapping[str, Data]:
    """The upload of the folder by the official SDK, into a lake of its own."""
    lake = platform.add_lake("sdk")
    with warnings.catch_warnings():
        # The SDK's own dependencies, and the pictures that it opens, warn.
        warnings.simplefilter("ignore")
        from picsellia import Client
        from picsellia.services.error_manager import ErrorManager

        sdk = Client(api_token=platform.token, host=platform.url).get_datalake(id=lake)
        paths = sorted(str(path) for path in folder.iterdir())
        sdk.upload_data(paths, error_manager=ErrorManager(), wait_for_unprocessable_data=False)
    with platform.hook(datalake_id=lake) as one:
        return {data.filename: data for data in one.list_data()}


@pytest.fixture(scope="module")
def checked(folder: Path) -> Preflight:
    """The check of the folder; what Pillow warns of is an error in tests, and in none of its users' programs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check([folder])


@pytest.mark.parametrize("sample", CORPUS, ids=str)
def test_upload_says_what_the_table_says(sample: Sample, rows: Mapping[str, FileReport]) -> None:
    row = rows[sample.name]

    if sample.size is not None:
        assert row.status is FileStatus.UPLOADED
        assert row.data is not None
        assert (row.data.width, row.data.height) == sample.size
        assert row.data.type is (DataType.VIDEO if sample.kind.startswith("video/") else DataType.IMAGE)
    elif sample.unsupported:
        assert (row.status, row.attempts) == (FileStatus.FAILED, 0)
        assert sample.reason in str(row.error)
    else:
        assert row.status is FileStatus.UNPROCESSABLE
        assert sample.reason in str(row.error)


# The SDK takes a file for a video by this machine's table of names, so only its pictures are in the table.
@pytest.mark.parametrize("sample", [one for one in CORPUS if one.kind.startswith("image/")], ids=str)
def test_the_official_sdk_gets_the_same_answers(sample: Sample, of_the_sdk: Mapping[str, Data]) -> None:
    data = of_the_sdk[sample.name]

    assert data.upload_status is (UploadStatus.ERROR if sample.size is None else UploadStatus.DONE)
    assert (data.width, data.height) == (sample.size or (0, 0))
    assert sample.reason in (data.error_reason or "")


@pytest.mark.parametrize("sample", CORPUS, ids=str)
def test_import_says_what_the_table_says(sample: Sample, imported: Mapping[str, Data]) -> None:
    data = imported.get(sample.name)

    if sample.size is not None:
        assert data is not None
        assert (data.upload_status, data.error_reason) == (UploadStatus.DONE, None)
        assert (data.width, data.height) == sample.size
    elif sample.unsupported and not sample.name.endswith(".tif"):
        assert data is None
    else:
        assert data is not None
        assert data.upload_status is UploadStatus.ERROR
        assert sample.reason in (data.error_reason or "")


def test_the_walk_takes_every_file_of_the_corpus(uploaded: UploadReport) -> None:
    assert {Path(row.path).name for row in uploaded.files} == {sample.name for sample in CORPUS}
    assert "Documents of several pages, of which the lake shows the first: 3." in uploaded.notes


@pytest.mark.parametrize("sample", CORPUS, ids=str)
def test_check_says_what_the_table_says(sample: Sample, checked: Preflight) -> None:
    found = {Path(finding.path).name: finding for finding in checked.findings}.get(sample.name)

    if sample.size is not None:
        assert found is None
    else:
        assert found is not None
        assert found.problem is (FileProblem.UNSUPPORTED if sample.unsupported else FileProblem.UNDECODABLE)
        assert sample.reason in found.detail


def _tags(data: Data) -> set[str]:
    return {tag.name for tag in data.tags or ()}


@pytest.mark.parametrize("sample", [*COLOURS, *ORIENTATIONS, *PAGES], ids=str)
def test_quality_tagging_says_what_the_table_says(sample: Sample, processed: Mapping[str, Data]) -> None:
    assert sample.size is not None
    expected = {"low-resolution"} if min(sample.size) < 256 else set()
    if sample.name in ("fax.tif", "plan-of-94-megapixels.tif"):
        expected = {"overexposed"}

    # All others show one photograph: no depth, scale, container or transparency makes it dark or overexposed. The
    # strongly compressed JPEGs of it are blurred.
    assert _tags(processed[sample.name]) & {"dark", "overexposed", "low-resolution"} == expected


@pytest.mark.parametrize("sample", [*COLOURS, *ORIENTATIONS, *PAGES], ids=str)
def test_each_picture_has_a_thumbnail_of_its_shape(
    sample: Sample, processed: Mapping[str, Data], hook: DatalakeHook, tmp_path: Path
) -> None:
    (thumbnail,) = hook.list_projections(processed[sample.name])
    assert thumbnail.presigned_url is not None

    with urllib.request.urlopen(thumbnail.presigned_url) as answer, Image.open(io.BytesIO(answer.read())) as image:
        width, height = sample.size or (0, 0)
        factor = min(1.0, 256 / max(width, height))
        assert image.size == pytest.approx((width * factor, height * factor), abs=1)


def test_twins_in_other_depths_and_containers_are_near_duplicates(processed: Mapping[str, Data]) -> None:
    # Those without loss: the photograph is hardly more than a ramp, and compression changes what there is to compare.
    # Not JPEG XL of 16 bits either: its encoder says that they are linear light, so that picture is a brighter one.
    twins = "png-rgb.png png-rgb-16.png tiff-rgb.tif tiff-rgb-16.tif bmp.bmp tiff-cmyk.tif jpeg2000.jp2 png-grey.png "
    twins += "png-grey-16.png tiff-grey-16.tif tiff-negative-16.tif tiff-float.tif tiff-big.tif"

    groups = [{tag for tag in _tags(processed[name]) if tag.startswith("duplicate-")} for name in twins.split()]

    assert all(len(group) == 1 for group in groups)
    assert len(set().union(*groups)) == 1


def test_what_could_not_be_read_has_no_tag(processed: Mapping[str, Data]) -> None:
    unread = [data for data in processed.values() if data.upload_status is UploadStatus.ERROR]

    assert unread
    assert not any(_tags(data) for data in unread)
