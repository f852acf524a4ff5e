#!/usr/bin/env bash
# picsellia-cv-engine 0.6.12 (2026-12-01, Python 3.11): a pipeline whose last step failed ends with exit code 0 when the call of
# that step has the call of another one as an argument. Steps are registered in the order in which the source names them, the outer
# one first; a success that stands after a failure in that list is a "partial success". So `process(load())` hides
# what `loaded = load(); process(loaded)` reports with exit code 1, and the job that ran it counts as succeeded.
# Output seen: "on two lines: exit code 1; nested: exit code 0".
# Needs python3 (3.11 or 3.12) with pip. Fails when both pipelines end with the same exit code.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "picsellia-cv-engine==0.6.12"
for body in "loaded = load(); process(loaded)" "process(load())"; do
  cat > "$folder/pipeline.py" <<PYTHON
from picsellia_cv_engine.decorators.pipeline_decorator import pipeline
from picsellia_cv_engine.decorators.step_decorator import step


@step
def load():
    return 1


@step
def process(loaded):
    raise ValueError("nothing was done")


@pipeline(context={}, log_folder_path="logs/")
def example():
    $body


example()
PYTHON
  code=0
  (cd "$folder" && env/bin/python pipeline.py > said.txt 2>&1) || code=$?
  grep -q "nothing was done" "$folder/said.txt"
  codes="${codes:-} $code"
done
set -- $codes
echo "on two lines: exit code $1; nested: exit code $2"
[ "$1" = 1 ] && [ "$2" = 0 ] || { echo "The behaviour has changed."; exit 1; }
