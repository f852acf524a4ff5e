#!/usr/bin/env bash
# Pillow 13.0.0 with OpenJPEG 2.5.4 (2026-12-01, Python 3.11): a colour JPEG 2000 of 12 bits (9 to 16, as digital cinema and
# scanners write it) opens without an error and without a warning with its white black: samples are rounded to 8 bits by
# adding a half, and the highest ones run over. OpenJPEG itself reads them well, and so does Pillow for 8 bits.
# Output seen: "white of 8 bits: 255", "white of 12 bits: 0".
# Needs python3 (3.11 or later) with pip. Fails when white is white.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "pillow==13.0.0" imagecodecs numpy
"$folder/env/bin/python" - <<'PYTHON'
import io

import imagecodecs
import numpy
import PIL
from PIL import Image

seen = {}
for bits, kind in ((8, "uint8"), (12, "uint16")):
    white = numpy.full((8, 8, 3), 2**bits - 1, dtype=kind)
    content = imagecodecs.jpeg2k_encode(white, level=0, bitspersample=bits, reversible=True)
    assert (imagecodecs.jpeg2k_decode(content) == white).all()
    with Image.open(io.BytesIO(content)) as image:
        seen[bits] = image.getpixel((4, 4))[0]
    print(f"Pillow {PIL.__version__}, white of {bits} bits: {seen[bits]}")
raise SystemExit(0 if seen == {8: 255, 12: 0} else "The behaviour has changed.")
PYTHON
