"""Processing `quality-tagging`: tags images that are blurred, dark, overexposed or of low resolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from uuid import UUID

from datalake_ops.pictures.inspection import UnreadablePictureError
from datalake_ops.processings.contract import Task, log, read_parameters, run
from datalake_ops.processings.image_run import ImageRun, process_images
from datalake_ops.processings.luma import LumaPicture, open_luma
from datalake_ops.processings.quality import (
    EXPOSURE_TAGS,
    SIDE,
    TAGS,
    Quality,
    QualityParameters,
    measure_quality,
)
from datalake_ops.processings.tag_record import read_record
from datalake_ops.processings.tag_update import TagVerdict, update_tags
from datalake_ops.wire.data import Data

Measured = tuple[Quality, LumaPicture]


def main(task: Task) -> int:
    """Measure every image, then put the tags on, one tag at a time, and take off those that earlier runs put."""
    parameters = read_parameters(QualityParameters, task.parameters)
    qualities: dict[UUID, Quality] = {}

    def take(data: Data, result: Measured | str) -> None:
        if not isinstance(result, str):
            qualities[data.id] = result[0]
        for line in [result] if isinstance(result, str) else _lines(*result, parameters):
            log(f"{data.filename}: {line}")

    process_images(task, partial(_measure, parameters), take)
    verdict = judge(qualities, parameters)
    update_tags(task, verdict, read_record(task), keep_old=parameters.keep_old)
    counts = ", ".join(f"{tag} {len(ids)}" for tag, ids in sorted(verdict.deserved.items()) if ids)
    log(f"checked {len(qualities)} of {len(task.data)} data: {counts or 'no quality problem found'}")
    return 0 if qualities else 1


def judge(qualities: Mapping[UUID, Quality], parameters: QualityParameters) -> TagVerdict:
    """Verdict on the measured data; none on the exposure of those whose scale is not known."""
    deserved: dict[str, set[UUID]] = {parameters.tag_prefix + tag: set() for tag in TAGS}
    undeserved: dict[str, set[UUID]] = {name: set() for name in deserved}
    for data_id, quality in qualities.items():
        tags = quality.tags(parameters)
        for tag, name in zip(TAGS, deserved, strict=True):
            if name in tags:
                deserved[name].add(data_id)
            elif quality.brightness is not None or tag not in EXPOSURE_TAGS:
                undeserved[name].add(data_id)
    return TagVerdict(deserved, undeserved)


async def _measure(parameters: QualityParameters, images: ImageRun, data: Data) -> Measured | str:
    fetched = await images.fetch(data)
    if fetched.path is None:
        return fetched.problem
    try:
        return await images.compute(partial(_measure_file, parameters, data), fetched.path)
    except UnreadablePictureError as error:
        return str(error)


def _measure_file(parameters: QualityParameters, data: Data, path: Path) -> Measured:
    picture = open_luma(path, SIDE, parameters.value_scale)
    # The platform measured the stored file; what was opened here may be a smaller decoding of it.
    size = (data.width, data.height) if data.width and data.height else picture.size
    return measure_quality(picture, *size), picture


def _lines(quality: Quality, picture: LumaPicture, parameters: QualityParameters) -> Iterator[str]:
    if picture.unknown_exposure:
        yield f"the exposure is not judged: {picture.unknown_exposure}"
    if picture.note:
        yield picture.note
    yield f"{', '.join(quality.tags(parameters)) or 'good'} ({_describe(quality)})"


def _describe(quality: Quality) -> str:
    brightness = "unknown" if quality.brightness is None else f"{quality.brightness:.0f}"
    return f"sharpness {quality.sharpness:.0f}, brightness {brightness}, {quality.width} x {quality.height}"


if __name__ == "__main__":
    raise SystemExit(run("quality-tagging", main))
