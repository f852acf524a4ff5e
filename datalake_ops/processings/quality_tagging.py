"""Processing `quality-tagging`: tags images that are blurred, dark, overexposed or of low resolution."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from datalake_ops.processings.contract import FetchedImage, Task, fetch_images, log, read_parameters, run
from datalake_ops.processings.pictures import UnreadablePictureError, open_picture
from datalake_ops.processings.quality import SIDE, Quality, QualityParameters, measure_quality

# Data of one tag request; the platform takes more, a proxy on the way may not.
TAG_BATCH = 10_000


def main(task: Task) -> int:
    """Measure every image, then attach the tags, one tag at a time."""
    parameters = read_parameters(QualityParameters, task.parameters)
    ids_by_tag: dict[str, list[UUID]] = defaultdict(list)
    measured = 0
    with ThreadPoolExecutor() as threads:
        for batch in fetch_images(task):
            for item, result in zip(batch, threads.map(_measure_item, batch), strict=True):
                if isinstance(result, str):
                    log(f"{item.data.filename}: {result}")
                    continue
                measured += 1
                tags = result.tags(parameters)
                for tag in tags:
                    ids_by_tag[tag].append(item.data.id)
                log(f"{item.data.filename}: {', '.join(tags) or 'good'} ({_describe(result)})")
    _tag(task, ids_by_tag)
    counts = ", ".join(f"{tag} {len(ids)}" for tag, ids in sorted(ids_by_tag.items())) or "no quality problem found"
    log(f"checked {measured} of {len(task.data)} data: {counts}")
    return 0 if measured else 1


def _measure_item(item: FetchedImage) -> Quality | str:
    if item.path is None:
        return item.problem
    try:
        image = open_picture(item.path, SIDE)
    except UnreadablePictureError as error:
        return str(error)
    return measure_quality(image, *_full_size(item, image.size))


def _full_size(item: FetchedImage, opened: tuple[int, int]) -> tuple[int, int]:
    # The platform measured the stored file; what was opened here may be a smaller decoding of it.
    return (item.data.width, item.data.height) if item.data.width and item.data.height else opened


def _tag(task: Task, ids_by_tag: Mapping[str, list[UUID]]) -> None:
    for tag, ids in sorted(ids_by_tag.items()):
        known = task.hook.get_or_create_data_tag(tag)
        for start in range(0, len(ids), TAG_BATCH):
            task.hook.add_tags(ids[start : start + TAG_BATCH], known)


def _describe(quality: Quality) -> str:
    return f"sharpness {quality.sharpness:.0f}, brightness {quality.brightness:.0f}, {quality.width} x {quality.height}"


if __name__ == "__main__":
    raise SystemExit(run(main))
