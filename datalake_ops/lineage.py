"""URIs of lakes and their data in lineage: one URI, the same in Airflow's assets, Prefect's assets and OpenLineage.

    datalake://app.picsellia.com/acme/photos                        a lake
    datalake://app.picsellia.com/acme/photos?tags=raw&tags=night    its data that carry both tags
    datalake://app.picsellia.com/acme/photos?source=camera          its data that came from a source
    datalake://app.picsellia.com/acme/photos?q=width+%3E+1000       its data that match a query

The organization and the lake are named, never numbered, so that two pipelines that reach a lake by different tokens
agree; who renames a lake gives its data a new name in lineage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from datalake_ops.errors import ConfigurationError
from datalake_ops.query import both, tags_query
from datalake_ops.query import quote as quoted

SCHEME = "datalake"
_USUAL_PORTS = {"http": 80, "https": 443}
_PARAMETERS = ("q", "source", "tags")
# Prefect allows no longer key of an asset.
_KEY_LENGTH = 512


@dataclass(frozen=True)
class LakeUri:
    """URI of a lake, or of its data that carry all `tags`, came from `source` and match `q`.

    `host` is the name of the platform's host, with its port where that is not the usual one. Equal sets of data named
    the same way are equal values: tags are sorted and each named once.

    Raises:
        ConfigurationError: a name is empty, the host is no host, or a tag, the source or the query is given and blank
            (which would name the whole lake for some of its data).
    """

    host: str
    organization: str
    datalake: str
    tags: tuple[str, ...] = ()
    source: str | None = None
    q: str | None = None

    def __post_init__(self) -> None:
        host = self.host.strip().lower()
        if not host or set(host) & set("/?#@ "):
            raise ConfigurationError(f"{self.host!r} is no host; a lake's URI is {_form()}.")
        for name in ("organization", "datalake"):
            if not getattr(self, name):
                raise ConfigurationError(f"The {name} has no name; a lake's URI is {_form()}.")
        given = [("q", self.q), ("source", self.source), *(("tags", tag) for tag in self.tags)]
        if blank := [name for name, value in given if value is not None and not value.strip()]:
            raise ConfigurationError(f"An empty {blank[0]} chooses no data; leave it out to name the whole lake.")
        object.__setattr__(self, "host", host)
        object.__setattr__(self, "tags", tuple(sorted(set(self.tags))))
        object.__setattr__(self, "q", None if self.q is None else self.q.strip())

    @classmethod
    def of(cls, address: str, organization: str, datalake: str) -> LakeUri:
        """The lake of a platform that is reached at an http(s) address."""
        parts = urlsplit(address if "://" in address else f"//{address}")
        usual = _USUAL_PORTS.get(parts.scheme)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        return cls(host if parts.port in (None, usual) else f"{host}:{parts.port}", organization, datalake)

    @classmethod
    def parse(cls, text: str) -> LakeUri:
        """Read a URI, however its parameters are ordered.

        Raises:
            ConfigurationError: it is not the URI of a lake; the message tells what it lacks.
        """
        return cls.of_parts(urlsplit(text))

    @classmethod
    def of_parts(cls, parts: SplitResult) -> LakeUri:
        """Read a URI that was split already; see `parse`."""
        text = urlunsplit(parts)
        organization, _, lake = (unquote(name) for name in parts.path.strip("/").partition("/"))
        if parts.scheme.lower() != SCHEME or parts.path.strip("/").count("/") != 1:
            raise ConfigurationError(f"{text!r} is no URI of a lake; it is {_form()}.")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        unknown = sorted({name for name, _ in pairs} - set(_PARAMETERS))
        if unknown:
            raise ConfigurationError(f"{text!r} has unknown parameters {unknown}; known are {list(_PARAMETERS)}.")
        tags = tuple(value for name, value in pairs if name == "tags")
        return cls(parts.netloc, organization, lake, tags, _only(pairs, "source", text), _only(pairs, "q", text))

    def with_(self, tags: Iterable[str] = (), source: str | None = None, q: str | None = None) -> LakeUri:
        """Some data of the same lake."""
        return replace(self, tags=tuple(tags), source=source, q=q)

    @property
    def lake(self) -> LakeUri:
        """The whole lake."""
        return self.with_()

    def __str__(self) -> str:
        return urlunsplit((SCHEME, self.host, _path(self), urlencode(self._pairs), ""))

    @property
    def name(self) -> str:
        """Organization and lake with what narrows it, without the host: the name inside a namespace of OpenLineage."""
        return urlunsplit(("", "", _path(self).lstrip("/"), urlencode(self._pairs), ""))

    @property
    def namespace(self) -> str:
        """The platform: a namespace of OpenLineage."""
        return f"{SCHEME}://{self.host}"

    @property
    def key(self) -> str:
        """The same in the alphabet of Prefect's asset keys, which have neither `?`, `&` nor `%`.

        Parameters become parts of the path; what else has to be escaped is written with `~` in place of `%`.

        Raises:
            ConfigurationError: it is longer than the 512 characters that Prefect allows.
        """
        parts = [self.organization, self.datalake, *(f"{name}={value}" for name, value in self._pairs)]
        path = "/".join(quote(part, safe="=").replace("~", "%7E").replace("%", "~") for part in parts)
        key = f"{SCHEME}://{self.host}/{path}"
        if len(key) > _KEY_LENGTH:
            raise ConfigurationError(f"An asset's key has at most {_KEY_LENGTH} characters, not {len(key)}: {key}")
        return key

    @property
    def query(self) -> str:
        """Query-language text that matches these data; empty for the whole lake."""
        told = both(tags_query(self.tags, intersect=True), self.q)
        return both(told, f"data_source.name = {quoted(self.source)}" if self.source else "")

    @property
    def _pairs(self) -> list[tuple[str, str]]:
        # Sorted, and escaped by `urlencode`, as Airflow does it, so that its text of an asset is this text.
        pairs = [("q", self.q), ("source", self.source), *(("tags", tag) for tag in self.tags)]
        return [(name, value) for name, value in pairs if value]


def _path(lake: LakeUri) -> str:
    return f"/{quote(lake.organization, safe='')}/{quote(lake.datalake, safe='')}"


def _only(pairs: list[tuple[str, str]], name: str, text: str) -> str | None:
    values = [value for key, value in pairs if key == name]
    if len(values) > 1:
        raise ConfigurationError(f"{text!r} names {name} {len(values)} times; only tags may repeat.")
    return values[0] if values else None


def _form() -> str:
    return f"{SCHEME}://HOST/ORGANIZATION/LAKE, with ?tags=, source= or q= for some of its data"
