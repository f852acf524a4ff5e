#!/usr/bin/env bash
# picsellia-pipelines-cli 0.7.6 (2026-12-01, Python 3.11): its template `data_auto_tagging` writes a run config with
# `[output.datalake] id`, and `pxl-pipeline test` works with that lake; `pxl-pipeline launch` of the same file sends nothing of it: only
# `name` of the section is read. The job of the launch has no output lake, and no word says so.
# Output seen: "the request has ['cpu', 'gpu', 'limit', 'offset', ...]: no output; by name: output-lake".
# Needs python3 (3.11 or 3.12) with pip. Fails when the id is anywhere in the request.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "picsellia-pipelines-cli==0.7.6" "picsellia-cv-engine==0.6.12"
HOME="$folder" "$folder/env/bin/python" - <<'PYTHON'
import toml
from picsellia_pipelines_cli.commands.processing.templates import data_auto_tagging_template as template
from picsellia_pipelines_cli.utils.processing_launch import build_processing_launch_request

config = toml.loads(template.PROCESSING_RUN_CONFIG)
config["input"]["datalake"]["id"] = "input-id"
assert "id" in config["output"]["datalake"], "The template has no such field any more."
config["output"]["datalake"]["id"] = "output-id"
_, by_id = build_processing_launch_request("processing", "DATA_AUTO_TAGGING", config)
config["output"]["datalake"]["name"] = "output-lake"
_, by_name = build_processing_launch_request("processing", "DATA_AUTO_TAGGING", config)
print(f"the request has {sorted(by_id)}: no output; by name: {by_name['target_datalake_name']}")
raise SystemExit("The behaviour has changed." if "output-id" in str(by_id) else 0)
PYTHON
