#!/usr/bin/env bash
# fsspec 2026.9.0 (2026-11-30, Python 3.11): the separator of chained addresses is cut wherever it stands, also inside the name of
# a file. `url_to_fs("memory://photos/scan::2024.jpg")` opens `/photos/scan`, another object than the one whose listing
# gave that very address; no error is raised where both are there, and the bytes are those of the other.
# Output seen: "listed /photos/scan::2024.jpg, opened /photos/scan: b'another'".
# Needs python3 (3.11 or later) with pip. Fails when the file that was listed is the one that is opened.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "fsspec==2026.9.0"
"$folder/env/bin/python" - <<'PYTHON'
import fsspec
from fsspec.core import url_to_fs

memory = fsspec.filesystem("memory")
memory.pipe_file("/photos/scan::2024.jpg", b"the scan")
memory.pipe_file("/photos/scan", b"another")
listed = [name for name in memory.find("/photos") if name.endswith(".jpg")][0]
_, path = url_to_fs(f"memory:/{listed}")
with fsspec.open(f"memory:/{listed}") as file:
    content = file.read()
print(f"listed {listed}, opened {path}: {content!r}")
raise SystemExit(0 if content == b"another" else "The behaviour has changed.")
PYTHON
