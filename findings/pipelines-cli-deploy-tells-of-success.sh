#!/usr/bin/env bash
# picsellia-pipelines-cli 0.7.6 (2026-12-01, Python 3.11): `pxl-pipeline deploy` to a platform that does not answer prints "Status: Error",
# then "Processing pipeline ... deployed successfully", and ends with exit code 0, though nothing was registered. A launch that is
# refused ends with 0 as well (`raise typer.Exit() from e`), so that a script has only the text to go by.
# Output seen: "exit code 0; Status: Error; Processing pipeline 'example' deployed successfully".
# Needs python3 (3.11 or 3.12) with pip. Fails when the exit code tells of the error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "picsellia-pipelines-cli==0.7.6" "picsellia-cv-engine==0.6.12"
# What is asked of docker and uv here has nothing to do with it: both only say yes.
mkdir "$folder/bin" "$folder/work"
for name in docker uv; do printf '#!/bin/sh\nexit 0\n' > "$folder/bin/$name"; chmod +x "$folder/bin/$name"; done
export HOME="$folder" PATH="$folder/bin:$folder/env/bin:/usr/bin:/bin"
mkdir -p "$HOME/.config/picsellia"
printf 'PICSELLIA_CUSTOM_ENV=http://127.0.0.1:9\nPICSELLIA_org_CUSTOM_API_TOKEN=token\n' > "$HOME/.config/picsellia/.env"
echo '{"organization": "org", "env": "CUSTOM"}' > "$HOME/.config/picsellia/context.json"
cd "$folder/work"
pxl-pipeline init example --type processing --template datalake > /dev/null
code=0
printf 'me/example\n1\n0\n' | pxl-pipeline deploy example --bump patch > said.txt 2>&1 || code=$?
status=$(grep -o "Status: *Error" said.txt | head -n 1 | tr -s " ")
word=$(grep "deployed successfully" said.txt)
echo "exit code $code; $status; $word"
[ "$code" = 0 ] || { echo "The behaviour has changed."; exit 1; }
