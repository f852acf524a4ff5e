#!/usr/bin/env bash
# Pillow 13.0.0 (2026-11-30, Python 3.11): an uncompressed TIFF of 16-bit colours in separate planes (PlanarConfiguration 2,
# as scanners and microscopes write it) opens without an error and without a warning as another picture: each byte is
# taken for a sample, so that less than one sample in a hundred is right. The same pixels behind deflate are read well.
# Output seen: "uncompressed: 1 % of the samples are right", "deflated: 100 % of the samples are right".
# Needs python3 (3.11 or later) with pip. Fails when both are read alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "pillow==13.0.0" "tifffile==2026.3.3" "numpy==2.4.6"
cd "$folder"
env/bin/python - <<'PYTHON'
import numpy
import PIL
import tifffile
from PIL import Image

planes = (numpy.arange(3 * 8 * 8).reshape(3, 8, 8) * 300).astype("uint16")
high_bytes = numpy.moveaxis(planes >> 8, 0, 2)
right = {}
for name, compression in (("uncompressed", None), ("deflated", "zlib")):
    tifffile.imwrite("planes.tif", planes, photometric="rgb", planarconfig="separate", compression=compression)
    with Image.open("planes.tif") as image:
        right[name] = float((numpy.asarray(image) == high_bytes).mean())
    print(f"Pillow {PIL.__version__}, {name}: {100 * right[name]:.0f} % of the samples are right")
raise SystemExit(0 if right["uncompressed"] < 0.5 and right["deflated"] == 1 else "The behaviour has changed.")
PYTHON
