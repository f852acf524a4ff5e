"""Scales of deep samples: the values of black and white that a file tells, and those by which a picture is shown."""

from __future__ import annotations

from datalake_ops.pictures.decoding.sample_format import SampleFormat, ValueScale
from datalake_ops.pictures.decoding.samples import Survey

# Part of its scale that a picture uses at least, between its percentiles, to be shown on it.
_WELL_USED = 0.25


def told_scale(form: SampleFormat, survey: Survey) -> ValueScale | None:
    """Scale that a file tells by its tags or its depth; None where nothing does.

    Unsigned samples up to 16 bits have their full scale: what a camera leaves unused, nothing tells. PNG scales samples
    of fewer significant bits up (PNG 3, 11.3.2.5); some writers do not, and are known by low bits that are no copies.
    """
    if form.told is not None:
        return form.told
    if form.kind == "float":
        return ValueScale(0.0, 1.0) if survey.low >= 0.0 and survey.high <= 1.0 else None
    if form.kind == "signed" or form.bits > 16:
        return None
    significant = form.significant_bits
    if significant and survey.has_low_bits and survey.high < 2**significant:
        return ValueScale(0.0, float(2**significant - 1))
    return ValueScale(0.0, float(2**form.bits - 1))


def scale_to_show(form: SampleFormat, survey: Survey) -> ValueScale:
    """Scale on which a picture is seen: the told one where the picture uses it, else its own percentiles."""
    told = None if survey.is_empty else told_scale(form, survey)
    used = survey.spread.white - survey.spread.black
    return told if told is not None and used >= _WELL_USED * (told.white - told.black) else survey.spread
