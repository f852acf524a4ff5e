"""Files of types that the platform does not read: refused before they are sent, left out, or converted."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from datalake_ops.config import RetryPolicy
from datalake_ops.errors import ConfigurationError, UnsupportedFileError
from datalake_ops.hook import DatalakeHook
from datalake_ops.testing import PlatformServer
from datalake_ops.upload.options import UploadOptions
from datalake_ops.upload.reporting.report import FileStatus
from datalake_ops.upload.support import TypeSupport, refusal
from tests.pictures.files import WHITE_OF_12_BITS, a_file, a_raw, a_transport_stream, an_exif_block, saved, turned
from tests.platform.videos import an_mp4
from tests.upload.pictures import a_picture

HEIC = a_file("HEIF")


def a_hook(platform: PlatformServer, name: str) -> DatalakeHook:
    return platform.hook(datalake_id=platform.add_lake(name), retry=RetryPolicy(attempts=2, first_delay=0.01))


@pytest.fixture
def no_heic(datalake_platform: PlatformServer, request: pytest.FixtureRequest) -> Iterator[DatalakeHook]:
    """A hook of a platform whose extra `heic` is not installed."""
    datalake_platform.withhold(types=["image/heic", "image/heif"])
    with a_hook(datalake_platform, request.node.name) as hook:
        assert "image/heic" not in hook.context.readable_types
        yield hook
    datalake_platform.withhold()


@pytest.fixture
def silent(datalake_platform: PlatformServer, request: pytest.FixtureRequest) -> Iterator[DatalakeHook]:
    """A hook of a platform that does not announce what it reads, as the hosted one."""
    datalake_platform.withhold("readable-types")
    with a_hook(datalake_platform, request.node.name) as hook:
        assert not hook.context.readable_types
        yield hook
    datalake_platform.withhold()


def a_folder(path: Path) -> Path:
    a_picture(path / "a.png")
    (path / "b.heic").write_bytes(HEIC())
    (path / "c.dng").write_bytes(a_raw())
    return path


def stored(hook: DatalakeHook) -> dict[str, tuple[str, int, int]]:
    return {data.filename: (data.content_type, data.width, data.height) for data in hook.list_data()}


def test_a_file_that_the_platform_does_not_read_is_refused_before_it_is_sent(
    no_heic: DatalakeHook, tmp_path: Path
) -> None:
    report = no_heic.upload(a_folder(tmp_path))

    assert [row.status for row in report.files] == [FileStatus.UPLOADED, FileStatus.FAILED, FileStatus.FAILED]
    assert [row.attempts for row in report.files[1:]] == [0, 0]
    assert all(isinstance(error, UnsupportedFileError) for error in report.errors)
    said = "pip install 'datalake-ops[heic]' where it runs, or upload with unsupported=\"convert\""
    assert said in str(report.errors[0])
    assert "camera raw" in str(report.errors[1])
    assert set(stored(no_heic)) == {"a.png"}


def test_skip_leaves_such_files_out_and_says_so(no_heic: DatalakeHook, tmp_path: Path) -> None:
    report = no_heic.upload(a_folder(tmp_path), unsupported="skip", raise_on="any")

    assert [row.status for row in report.files] == [FileStatus.UPLOADED, FileStatus.UNSUPPORTED, FileStatus.UNSUPPORTED]
    assert (report.failed_count, report.errors, len(report.data)) == (0, [], 1)
    assert report.summary()["data_ids_left_out"] == 0
    assert report.notes == ("Left out, because the platform does not read them: 1 image/heic, 1 image/x-adobe-dng.",)
    assert no_heic.retry_upload(report, if_exists="skip").files == []


def test_convert_sends_a_picture_that_the_platform_reads(no_heic: DatalakeHook, tmp_path: Path) -> None:
    report = no_heic.upload(a_folder(tmp_path), unsupported="convert", if_exists="skip")

    assert [row.status for row in report.files] == [FileStatus.UPLOADED, FileStatus.UPLOADED, FileStatus.FAILED]
    assert stored(no_heic)["b.jpg"] == ("image/jpeg", 64, 48)
    assert "Converted before they were sent: 1 image/heic." in report.notes
    again = no_heic.upload(tmp_path / "b.heic", unsupported="convert", if_exists="skip")
    assert again.files[0].status is FileStatus.SKIPPED


def test_a_platform_that_announces_nothing_gets_the_file_as_it_is(silent: DatalakeHook, tmp_path: Path) -> None:
    report = silent.upload(a_folder(tmp_path))

    # This one reads HEIC, and the raw file it stores with a reason.
    assert [row.status for row in report.files] == [FileStatus.UPLOADED, FileStatus.UPLOADED, FileStatus.UNPROCESSABLE]
    assert "camera raw" in str(report.errors[0])
    assert report.notes == (
        "The platform does not say what it reads; sent as they are: 1 image/heic, 1 image/x-adobe-dng.",
    )


def test_what_is_asked_for_goes_by_the_documented_types_where_nothing_is_announced(
    silent: DatalakeHook, tmp_path: Path
) -> None:
    a_folder(tmp_path)

    converted = silent.upload(tmp_path / "b.heic", unsupported="convert")
    skipped = silent.upload(tmp_path / "b.heic", unsupported="skip")

    assert [row.status for row in converted.files] == [FileStatus.UPLOADED]
    assert [row.status for row in skipped.files] == [FileStatus.UNSUPPORTED]
    assert set(stored(silent)) == {"b.jpg"}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("phone.3gp", an_mp4(brand=b"3gp4"), "video/3gpp"),
        ("phone", an_mp4(brand=b"3gp4"), "video/3gpp"),
        ("phone.jpg", an_mp4(brand=b"3gp4"), "video/3gpp"),
        ("picture.bin", a_file("PNG")(), "image/png"),
        ("odd.png", a_file("JPEG")(), "image/png"),
    ],
)
def test_a_single_file_is_of_the_kind_that_its_bytes_say(
    silent: DatalakeHook, tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)

    [row] = silent.upload(tmp_path / name).files

    assert row.status is FileStatus.UPLOADED
    assert row.data is not None
    assert (row.data.content_type, row.data.type) == (kind, kind.partition("/")[0].upper())


def test_a_heic_that_is_named_as_a_jpeg_is_told_from_one(no_heic: DatalakeHook, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(HEIC())

    [row] = no_heic.upload(tmp_path / "a.jpg").files

    assert row.status is FileStatus.FAILED
    assert "image/heic" in str(row.error)


def test_a_video_is_not_converted(no_heic: DatalakeHook, tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(a_transport_stream())

    [row] = no_heic.upload(tmp_path / "a.ts", unsupported="convert").files

    assert row.status is FileStatus.FAILED
    assert "video/mp2t" in str(row.error)


def test_typescript_is_no_video(no_heic: DatalakeHook, tmp_path: Path) -> None:
    (tmp_path / "app.ts").write_text("export const answer = 42;")

    [row] = no_heic.upload(tmp_path / "app.ts").files

    assert row.status is FileStatus.FAILED
    assert "application/octet-stream" in str(row.error)


@pytest.mark.parametrize(
    ("make", "form", "mode"),
    [
        (a_file("HEIF"), "JPEG", "RGB"),
        (a_file("HEIF", "RGBA"), "PNG", "RGBA"),
        (a_file("JPEG2000", "L"), "JPEG", "L"),
        (a_file("JPEG2000", "I;16"), "PNG", "I;16"),
        (a_file("JXL", "I;16", lossless=True), "PNG", "I;16"),
    ],
)
def test_a_conversion_keeps_transparency_and_depth(tmp_path: Path, make, form: str, mode: str) -> None:
    from datalake_ops.upload.conversion import converted
    from datalake_ops.upload.sources.local import open_file

    (tmp_path / "a.b.bin").write_bytes(make())

    file = converted(open_file(str(tmp_path / "a.b.bin")))

    with Image.open(io.BytesIO(file.read(0, file.size))) as image:
        assert (image.format, image.mode, image.size) == (form, mode, (64, 48))
    assert file.name == {"JPEG": "a.b.jpg", "PNG": "a.b.png"}[form]


def test_a_conversion_is_upright_and_keeps_the_exif(tmp_path: Path) -> None:
    from datalake_ops.upload.conversion import converted
    from datalake_ops.upload.sources.image_metadata import read_picture
    from datalake_ops.upload.sources.local import open_file

    block = an_exif_block((0x0112, 3, b"\0\6"), (0x010F, 2, b"Canon\0"), exif=[(0x9003, 2, b"2024:05:06 07:08:09\0")])
    with Image.open(io.BytesIO(turned("AVIF", 6)())) as image:
        (tmp_path / "a.avif").write_bytes(saved(image, "AVIF", exif=block))

    picture = read_picture(converted(open_file(str(tmp_path / "a.avif"))), "full")

    assert picture is not None
    assert (picture.width, picture.height) == (48, 64)
    assert picture.metadata == {"manufacturer": "Canon", "acquired_at": "2024-05-06T07:08:09"}


def test_what_cannot_be_converted_fails_alone(tmp_path: Path) -> None:
    from datalake_ops.upload.conversion import converted
    from datalake_ops.upload.sources.local import open_file

    (tmp_path / "a.heic").write_bytes(HEIC()[:-200])

    with pytest.raises(UnsupportedFileError, match="cannot be converted"):
        converted(open_file(str(tmp_path / "a.heic")))


def test_colours_that_the_decoder_misreads_are_not_converted(tmp_path: Path) -> None:
    from datalake_ops.upload.conversion import converted
    from datalake_ops.upload.sources.local import open_file

    (tmp_path / "a.jp2").write_bytes(WHITE_OF_12_BITS)

    with pytest.raises(UnsupportedFileError, match="more than 8 bits in a JPEG 2000"):
        converted(open_file(str(tmp_path / "a.jp2")))


def test_words_are_checked_at_once() -> None:
    with pytest.raises(ConfigurationError, match="unsupported is fail, skip or convert"):
        UploadOptions(unsupported="drop")
    with pytest.raises(ConfigurationError, match="fill_metadata"):
        UploadOptions(fill_metadata="all")


def test_support_is_what_was_announced_else_what_is_documented() -> None:
    announced = frozenset({"image/jpeg", "image/heic"})

    assert TypeSupport(announced).takes("image/heic")
    assert not TypeSupport(announced).takes("image/png")
    assert TypeSupport().takes("image/heic")
    assert TypeSupport().is_unsure("image/heic")
    assert not TypeSupport(unsupported="convert").takes("image/heic")
    assert TypeSupport(unsupported="convert").takes("image/jpeg")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("image/jxl", "datalake-ops[jxl]"),
        ("image/avif", 'unsupported="convert"'),
        ("image/x-canon-cr2", "develop it"),
        ("video/mp2t", "convert it, or leave it out"),
    ],
)
def test_a_refusal_says_what_to_do(kind: str, said: str) -> None:
    assert said in refusal("a", kind)
