"""Scale of deep samples by which a picture is judged."""

from __future__ import annotations

from datalake_ops.pictures.decoding.sample_format import SampleFormat, ValueScale
from datalake_ops.pictures.decoding.samples import Survey
from datalake_ops.pictures.decoding.scales import told_scale

# Part of the full scale below which all samples of a picture arouse the suspicion of another scale.
_SUSPICION = 1 / 8


class ExposureScale:
    """Choice of the scale by which pictures are bright or dark: `value_range`, or else what the file tells.

    After a choice `unknown_exposure` has the reason that nothing can be said of it, and `note` what a reader of the log
    is to know of the scale.
    """

    def __init__(self, value_range: ValueScale | None = None) -> None:
        self._value_range = value_range
        self.unknown_exposure = ""
        self.note = ""

    def __call__(self, form: SampleFormat, survey: Survey) -> ValueScale:
        """Choose a scale; the picture's own percentiles where nothing tells one."""
        if survey.is_empty:
            self.unknown_exposure = "no pixel has data"
            return survey.spread
        values = f"its {form.name} samples are {survey.low:g} to {survey.high:g}"
        scale = self._value_range or told_scale(form, survey)
        if scale is None:
            self.unknown_exposure = f"{values}, and the file tells no scale; value_range would"
            return survey.spread
        if self._value_range is None and form.told is None and survey.high < scale.white * _SUSPICION:
            self.note = f"{values}, judged on {scale.black:g} to {scale.white:g}; value_range tells another scale"
        return scale
