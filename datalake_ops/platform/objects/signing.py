"""Signed grants: each allows one operation on one object until it expires."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import quote

from datalake_ops.platform.http.json_text import JsonLimitError, JsonLimits, parse_json

GET, POST, PUT = "GET", "POST", "PUT"


class RefusedGrantError(PermissionError):
    """The grant was changed, belongs to another object or has expired."""


class BadPolicyError(RefusedGrantError):
    """The policy of a form exceeds a limit of JSON; the message has the place."""


@dataclass(frozen=True)
class Grant:
    """Grant of one method on one object of one connector, until `expires` (Unix seconds).

    `content_type` and `max_bytes` limit an upload; `upload` and `part` limit it to one part of a multipart upload.
    """

    method: str
    connector: str
    key: str
    expires: int
    content_type: str = ""
    max_bytes: int = 0
    upload: str = ""
    part: int = 0

    def texts(self) -> dict[str, str]:
        """Fields that are set, as text."""
        return {name: str(value) for name, value in zip(_NAMES, self._values(), strict=True) if value}

    def signed_text(self) -> bytes:
        """Bytes to sign: every field in its place, also the empty ones.

        Raises:
            RefusedGrantError: a field holds a NUL, which separates the fields here.
        """
        values = [str(value) for value in self._values()]
        text = "\0".join(values)
        if text.count("\0") != len(values) - 1:
            raise RefusedGrantError("The address holds a NUL character, which no valid address does.")
        return text.encode("utf-8", "surrogatepass")

    def _values(self) -> tuple[str | int, ...]:
        # Written out for speed: a page of a listing signs a thousand of these.
        return (
            self.method,
            self.connector,
            self.key,
            self.expires,
            self.content_type,
            self.max_bytes,
            self.upload,
            self.part,
        )

    @classmethod
    def of_texts(cls, texts: Mapping[str, str]) -> Grant:
        """Parse the result of `texts`; names that are no field are ignored.

        Raises:
            RefusedGrantError: a field is missing, or is no number although it must be one.
        """
        known = {field.name: field.type for field in fields(cls)}
        try:
            return cls(**{n: int(v) if known[n] == "int" else v for n, v in texts.items() if n in known})  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise RefusedGrantError("This address is not complete; ask the platform for a new one.") from error


# Characters that need no quoting; most names have no others, and quoting is the slowest part of signing.
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")
_POLICY = JsonLimits(levels=1, keys=16)
_NAMES = tuple(field.name for field in fields(Grant))


@dataclass(frozen=True)
class Signer:
    """Signs and verifies grants with the secret of this installation."""

    secret: bytes

    def __repr__(self) -> str:
        return "Signer(secret=...)"

    def signature(self, grant: Grant) -> str:
        """HMAC-SHA256, in hexadecimal, over every field of the grant."""
        return hmac.digest(self.secret, grant.signed_text(), "sha256").hex()

    def query(self, grant: Grant) -> str:
        """Encode a grant as the query string of an address, to be requested with the grant's method."""
        texts = [f"{name}={_quote(text)}" for name, text in grant.texts().items() if name != "method"]
        return f"{'&'.join(texts)}&signature={self.signature(grant)}"

    def read_query(self, texts: Mapping[str, str], method: str, now: float) -> Grant:
        """Verify the grant of an address that was requested with `method`.

        Raises:
            RefusedGrantError: signature, method or expiry are not valid.
        """
        grant = Grant.of_texts({**texts, "method": method})
        self._check(grant, texts.get("signature", ""), now)
        return grant

    def form_fields(self, grant: Grant) -> dict[str, str]:
        """Encode a grant as fields of an upload form: key, policy, signature."""
        policy = base64.b64encode(json.dumps(grant.texts()).encode()).decode()
        return {"key": grant.key, "policy": policy, "signature": self.signature(grant)}

    def read_form(self, form: Mapping[str, str], now: float) -> Grant:
        """Verify the grant of an upload form, whose `key` and `Content-Type` must be the signed ones.

        Raises:
            BadPolicyError: the policy is nested, or exceeds another limit.
            RefusedGrantError: a field is missing, was changed or has expired.
        """
        try:
            texts = parse_json(base64.b64decode(form.get("policy", ""), validate=True), _POLICY)
        except JsonLimitError as error:
            raise BadPolicyError(f"The form's policy is too large: {error}.") from error
        except ValueError as error:
            raise RefusedGrantError("The form's policy cannot be read.") from error
        if not isinstance(texts, dict):
            raise RefusedGrantError("The form's policy cannot be read.")
        grant = Grant.of_texts({**{str(n): str(v) for n, v in texts.items()}, "method": POST})
        self._check(grant, form.get("signature", ""), now)
        if form.get("key") != grant.key:
            raise RefusedGrantError("The form's key is not the one that was signed.")
        if form.get("Content-Type", "") != grant.content_type:
            raise RefusedGrantError(
                f"This upload was announced as {grant.content_type!r}, not {form.get('Content-Type', '')!r}."
            )
        return grant

    def _check(self, grant: Grant, signature: str, now: float) -> None:
        if not hmac.compare_digest(self.signature(grant).encode(), signature.encode("utf-8", "replace")):
            raise RefusedGrantError("The signature does not match; ask the platform for a new address.")
        if now >= grant.expires:
            raise RefusedGrantError("This address has expired; ask the platform for a new one.")


def _quote(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote(text, safe="")
