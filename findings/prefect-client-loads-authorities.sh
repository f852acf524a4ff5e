#!/usr/bin/env bash
# Prefect 3.8.8 (2026-11-30, Python 3.11): every `get_client()` builds a TLS context from certifi's whole bundle, also when
# the API's address is plain http and no TLS will be spoken. Ten clients of a local server read 117 authorities ten times:
# some 20 ms of a processor each, more than a request to that server takes. `PREFECT_API_SSL_CERT_FILE` with a file of one
# certificate brings that near nothing; `PREFECT_API_TLS_INSECURE_SKIP_VERIFY` does not, for it loads the system's bundle.
# Needs python3 (3.11 or later) with pip. Fails when a client of an http address loads no authorities any more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "prefect==3.8.8" "certifi==2026.10.18" "sqlalchemy==2.0.58"
export PREFECT_HOME="$folder/home" PREFECT_API_URL="http://127.0.0.1:9/api" DO_NOT_TRACK=1
"$folder/env/bin/python" - <<'PYTHON'
import ssl
import time

from prefect import __version__, get_client

loaded, real = [], ssl.create_default_context


def counting(*arguments, **options):
    context = real(*arguments, **options)
    loaded.append(len(context.get_ca_certs()))
    return context


ssl.create_default_context = counting
begun = time.process_time()
for _ in range(10):
    get_client(sync_client=True)
spent = (time.process_time() - begun) / 10
print(f"Prefect {__version__}: 10 clients of an http address loaded {loaded} authorities, {1000 * spent:.0f} ms each")
raise SystemExit(0 if len([count for count in loaded if count > 100]) >= 10 else "The behaviour has changed.")
PYTHON
