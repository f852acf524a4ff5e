"""Place, true moment and camera of a picture from its EXIF directories; values in, metadata out, no decoder.

This is `fill_metadata="full"`. Sources: EXIF 2.32 (CIPA DC-008-2019), 4.6.5 and 4.6.6; signs and moments as exiftool
12.57 has them in its group Composite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from datalake_ops.wire.image_metadata import EXIF_KEYS, code_of, metadata_from_exif, number_of, text_of
from datalake_ops.wire.moments import normalize

MODEL = 0x0110
_FOCAL_LENGTH, _COLOR_SPACE, _LENS_MODEL = 0x920A, 0xA001, 0xA434
# Moment, its offset from UTC and its fraction of a second: of the exposure, of the digitization, of the last change.
_MOMENTS = ((0x9003, 0x9011, 0x9291), (0x9004, 0x9012, 0x9292))
_LAST_CHANGE, _OFFSET_OF_CHANGE, _FRACTION_OF_CHANGE = 0x0132, 0x9010, 0x9290
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE = range(1, 7)
_COLOR_SPACES = {1: "sRGB", 2: "Adobe RGB", 65535: "Uncalibrated"}
_BELOW_SEA_LEVEL = frozenset({1, 3})  # 3 since EXIF 3.0: below the ellipsoid
_OFFSET = re.compile(r"Z|[+-](?:0\d|1[0-4]):?[0-5]\d", re.ASCII)
# That of EXIF, and what programs write instead: dashes, a T, and the fraction and the offset behind the seconds.
_DATE_AND_TIME = re.compile(
    r"(\d{4})([:-])(\d\d?)\2(\d\d?)(?:\s+|T)(\d\d?):(\d\d?):(\d\d?)"
    rf"(?:[.,](\d+))?\s*({_OFFSET.pattern})?",
    re.ASCII,
)
# Unknown parts of a moment are blank (EXIF 2.32, 4.6.5), or zeros for most cameras.
_UNKNOWN = re.compile(r"[0\s:-]*", re.ASCII)
_LONGEST_TEXT = 128

PHOTO_TAGS = (
    *(tag for moment in _MOMENTS for tag in moment),
    _OFFSET_OF_CHANGE,
    _FRACTION_OF_CHANGE,
    _FOCAL_LENGTH,
    _COLOR_SPACE,
    _LENS_MODEL,
)
PLACE_TAGS = tuple(range(_LATITUDE_REF, _ALTITUDE + 1))
# Keys of custom metadata, for the platform has none of its own for them.
CUSTOM_KEYS = ("camera_model", "camera_lens")
# Keys that a picture's own EXIF fills in.
FULL_KEYS = EXIF_KEYS | {"focal_length", "altitude", "latitude", "longitude"}


def full_metadata(main: Mapping[int, Any], photo: Mapping[int, Any], place: Mapping[int, Any]) -> dict[str, Any]:
    """Metadata of the tags of IFD0, Exif and GPS: what `metadata_from_exif` has, the place, and the true moment.

    A moment has its offset only where the camera wrote one; where it cannot be read, it is unknown, and no later one
    stands in for it. A place without its hemisphere is unknown.
    """
    found = metadata_from_exif(main)
    found.pop("acquired_at", None)
    more = {
        "acquired_at": _acquired_at(main, photo),
        "focal_length": number_of(photo.get(_FOCAL_LENGTH)) or None,
        "color_space": _COLOR_SPACES.get(code_of(photo.get(_COLOR_SPACE)) or 0) or found.get("color_space"),
        "altitude": _altitude(place),
        **_position(place),
    }
    return {**found, **{key: value for key, value in more.items() if value is not None}}


def camera_of(main: Mapping[int, Any], photo: Mapping[int, Any]) -> dict[str, str]:
    """Model and lens of the camera, as custom metadata."""
    texts = (text_of(main.get(MODEL)), text_of(photo.get(_LENS_MODEL)))
    return {key: text[:_LONGEST_TEXT] for key, text in zip(CUSTOM_KEYS, texts, strict=True) if text}


def _acquired_at(main: Mapping[int, Any], photo: Mapping[int, Any]) -> str | None:
    moments = [(photo.get(when), photo.get(offset), photo.get(fraction)) for when, offset, fraction in _MOMENTS]
    moments.append((main.get(_LAST_CHANGE), photo.get(_OFFSET_OF_CHANGE), photo.get(_FRACTION_OF_CHANGE)))
    told = (one for one in moments if not _UNKNOWN.fullmatch(text_of(one[0]) or ""))
    return next((_moment(*one) for one in told), None)


def _moment(when: Any, offset: Any, fraction: Any) -> str | None:
    match = _DATE_AND_TIME.fullmatch(text_of(when) or "")
    if match is None:
        return None
    year, _, month, day, hour, minute, second, own_fraction, own_zone = match.groups()
    digits = own_fraction or text_of(fraction) or ""
    digits = f".{digits}" if digits.isascii() and digits.isdigit() else ""
    zone = own_zone or text_of(offset) or ""
    zone = zone if _OFFSET.fullmatch(zone) else ""
    return normalize(f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute:0>2}:{second:0>2}{digits}{zone}")


def _position(place: Mapping[int, Any]) -> dict[str, float]:
    latitude = _degrees(place.get(_LATITUDE), place.get(_LATITUDE_REF), "NS", 90)
    longitude = _degrees(place.get(_LONGITUDE), place.get(_LONGITUDE_REF), "EW", 180)
    # The platform takes both or neither.
    return {} if latitude is None or longitude is None else {"latitude": latitude, "longitude": longitude}


def _degrees(value: Any, reference: Any, hemispheres: str, limit: int) -> float | None:
    """Degrees of degrees, minutes and seconds, of which the last may be absent; negative in the south and west."""
    hemisphere = (text_of(reference) or " ")[0].upper()
    parts = value if isinstance(value, tuple) else (value,)
    numbers = [number_of(part) for part in parts]
    if hemisphere not in hemispheres or not 0 < len(numbers) <= 3:
        return None
    degrees = 0.0
    for number, unit in zip(numbers, (1, 60, 3600), strict=False):
        if number is None or number < 0:
            return None
        degrees += number / unit
    if degrees > limit:
        return None
    return -degrees if hemisphere == hemispheres[1] else degrees


def _altitude(place: Mapping[int, Any]) -> float | None:
    """Metres above sea level, above it where no reference is given (EXIF 2.32, 4.6.6, GPSAltitudeRef)."""
    metres, reference = number_of(place.get(_ALTITUDE)), place.get(_ALTITUDE_REF)
    if metres is None:
        return None
    below = code_of(reference) in _BELOW_SEA_LEVEL or text_of(reference) in ("1", "3")
    return -abs(metres) or 0.0 if below else metres
