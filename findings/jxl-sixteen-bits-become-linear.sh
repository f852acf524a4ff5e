#!/usr/bin/env bash
# pillow-jxl-plugin 1.3.8 with Pillow 13.0.0 (2026-11-30, Python 3.11): an 8-bit grey picture saved as lossless JPEG XL is
# told to be sRGB, the same picture in 16 bits (mode I;16) is told to be linear light. The samples come back bit for bit
# in both, but a reader that honours the profile shows the 16-bit twin far brighter: its middle grey (128 of 255) is 188
# in sRGB. No argument of `save` says otherwise, and no warning is given.
# Needs python3 (3.11 or later) with pip. Fails when both depths are written with the same transfer curve.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "pillow==13.0.0" "pillow-jxl-plugin==1.3.8" "numpy==2.3.5"
"$folder/env/bin/python" - <<'PYTHON'
import io

import numpy as np
import pillow_jxl  # noqa: F401
from PIL import Image, ImageCms

ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
greys = {}
for mode, samples in {"L": ramp, "I;16": ramp.astype(np.uint16) * 257}.items():
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "JXL", lossless=True)
    read = Image.open(io.BytesIO(stream.getvalue()))
    read.load()
    profile = ImageCms.ImageCmsProfile(io.BytesIO(read.info["icc_profile"]))
    middle = ImageCms.profileToProfile(
        Image.new("L", (1, 1), 128), profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    greys[mode] = middle.getpixel((0, 0))[0]
    same = np.array_equal(np.asarray(read), samples)
    print(f"{mode}: samples equal: {same}, profile {profile.profile.profile_description!r}, 128 of 255 is {greys[mode]} in sRGB")
raise SystemExit(0 if greys["L"] == 128 and greys["I;16"] > 180 else "The behaviour has changed.")
PYTHON
