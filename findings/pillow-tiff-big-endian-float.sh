#!/usr/bin/env bash
# Pillow 13.0.0 (2026-12-01, Python 3.11, on a little-endian machine): a big-endian TIFF of 32-bit floats that is compressed
# opens without an error and without a warning with the bytes of each number swapped once too often: libtiff has swapped
# them already. The same pixels without compression, or little-endian, are read well. Signed integers are read so too.
# Output seen: "uncompressed: 1.0", "deflated: 4.600602988224807e-41".
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

seen = {}
for name, compression in (("uncompressed", None), ("deflated", "zlib")):
    tifffile.imwrite("one.tif", numpy.ones((8, 8), dtype=">f4"), byteorder=">", compression=compression)
    assert (tifffile.imread("one.tif") == 1).all()
    with Image.open("one.tif") as image:
        seen[name] = image.getpixel((4, 4))
    print(f"Pillow {PIL.__version__}, {name}: {seen[name]}")
raise SystemExit(0 if seen["uncompressed"] == 1 and seen["deflated"] != 1 else "The behaviour has changed.")
PYTHON
