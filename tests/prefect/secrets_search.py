"""Looking for a secret in everything that Prefect keeps."""

from __future__ import annotations

import base64
from pathlib import Path


def assert_nothing_holds(secret: str, home: Path) -> None:
    """Neither as it is nor inside a base64 text, in which it may begin at any of three places."""
    forms = [secret.encode()]
    for shift in range(3):
        text = base64.b64encode(b"." * shift + secret.encode())
        forms.append(text[4 if shift else 0 : -4])
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.suffix in (".db", ".sql") for path in files)
    for path in files:
        content = path.read_bytes()
        assert not any(form in content for form in forms), path
