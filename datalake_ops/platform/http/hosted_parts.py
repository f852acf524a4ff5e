"""Parts of the API that only the hosted platform has, by the first segment of their addresses (official SDK 6.37)."""

from __future__ import annotations

_SEGMENTS = {
    "datasets": "dataset datasets asset",
    "models": "model models",
    "projects and experiments": "project projects experiment artifact log evaluation",
    "deployments": "deployment deployments predicted",
    "labels and annotations": "label annotation rectangle polygon line point mask classification",
    "campaigns": "campaigns",
}
_PARTS = {segment: part for part, segments in _SEGMENTS.items() for segment in segments.split()}
# What may stand before that segment.
_LEADS = {1: ("api",), 2: ("api", "v2"), 3: ("api", "organization", "")}


def hosted_part(path: str) -> str | None:
    """Return the part that an address is of; None for an address that no platform of this wire has."""
    segments = path.strip("/").split("/")
    for count, lead in _LEADS.items():
        is_led = all(own in (one, "") for one, own in zip(segments[:count], lead, strict=False))
        if is_led and len(segments) > count and segments[count] in _PARTS:
            return _PARTS[segments[count]]
    return None
