"""Sample of an upload: thumbnails of a few data, small enough for a markdown artifact."""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefect_tasks.ui import artifacts

if TYPE_CHECKING:
    from datalake_ops.hook import DatalakeHook
    from datalake_ops.wire.data import Data

# Larger files are no quick look.
_LARGEST_FILE = 16 * 1024 * 1024
_SIDE, _QUALITY, _COLUMNS = 112, 60, 4
# A picture of more pixels is left out before anything is decoded.
_MOST_PIXELS = 64_000_000


def sample_markdown(hook: DatalakeHook, ids: Sequence[str], most: int = 8) -> str | None:
    """Return Markdown with thumbnails of the first few images among the data; None without images.

    The pictures lie inside the text, so no address that opens a file leaves the lake.
    """
    if not ids or most < 1:
        return None
    images = [one for one in hook.iter_data(ids=[*ids[: 2 * most]]) if _is_small_image(one)][:most]
    with tempfile.TemporaryDirectory(prefix="datalake-sample-") as folder:
        paths = hook.download(images, folder, use_id=True) if images else []
        cells = [cell for one, path in zip(images, paths, strict=True) if (cell := _cell(one, path))]
    return _grid(cells) if cells else None


def show_sample(hook: DatalakeHook, ids: Sequence[str], description: str, most: int = 8) -> None:
    """Attach a sample of the first few data to this run; an error fails nothing."""
    with artifacts.log_failures("No sample could be made"):
        if sheet := sample_markdown(hook, ids, most):
            artifacts.create("markdown", artifacts.SAMPLE, sheet, description)


def _is_small_image(data: Data) -> bool:
    small = (data.file_size or 0) <= _LARGEST_FILE and data.width * data.height <= _MOST_PIXELS
    return small and data.content_type.startswith("image/")


def _cell(data: Data, path: Path) -> str | None:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * _SIDE, 2 * _SIDE))
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        # The platform has read it, this Pillow cannot: the sheet has one picture less.
        return None
    out = io.BytesIO()
    small.save(out, "JPEG", quality=_QUALITY, optimize=True)
    text = base64.b64encode(out.getvalue()).decode()
    return f"![{_plain(data.filename)}](data:image/jpeg;base64,{text})"


def _plain(name: str) -> str:
    """Return a file name without characters that Markdown reads as markup."""
    return "".join(letter if letter.isalnum() or letter in " .-" else "_" for letter in name)[:80]


def _grid(cells: Sequence[str]) -> str:
    lines = ["|" + " |" * _COLUMNS, "|" + "---|" * _COLUMNS]
    for start in range(0, len(cells), _COLUMNS):
        row = [*cells[start : start + _COLUMNS]]
        lines.append("| " + " | ".join([*row, *[""] * (_COLUMNS - len(row))]) + " |")
    return "\n".join(lines)
