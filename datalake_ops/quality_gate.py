"""Quality gate: rules that a selection of data has to keep; pure decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from datalake_ops import arguments
from datalake_ops.errors import ConfigurationError
from datalake_ops.query import both, tags_query

_LIMITS = ("min_count", "max_count", "min_share", "max_share")


@dataclass(frozen=True)
class Rule:
    """Limits on the data of a selection that match: in number, or as a share of the selection from 0 to 1.

    Without tags and `q` every data of the selection matches; none does where one of them is given and empty.

    Raises:
        ConfigurationError: it has no limit, or an impossible one.
    """

    tags: tuple[str, ...] | None = None
    q: str | None = None
    intersect_tags: bool = False
    min_count: int | None = None
    max_count: int | None = None
    min_share: float | None = None
    max_share: float | None = None

    def __post_init__(self) -> None:
        given = {name: value for name in _LIMITS if (value := getattr(self, name)) is not None}
        if not given:
            raise ConfigurationError(f"A rule needs a limit: one of {', '.join(_LIMITS)}.")
        for name, value in given.items():
            if value < 0 or (name.endswith("share") and value > 1):
                raise ConfigurationError(f"{name} is {value}: a count is at least 0, a share between 0 and 1.")

    @classmethod
    def of(cls, values: Mapping[str, Any] | Rule) -> Rule:
        """Return the rule of a mapping of its fields, which may be in text form; `tags` may be one name.

        Raises:
            ConfigurationError: a field is unknown.
            ArgumentError: it is no mapping, or a value is not what its field takes; None is no value, for without its
                limit or its choice a rule would hold more easily.
        """
        if isinstance(values, Rule):
            return values
        if not isinstance(values, Mapping):
            raise arguments.refusal("rule", values, 'write a mapping, such as {"min_count": 100}.')
        unknown = sorted(set(values) - {one.name for one in fields(cls)})
        if unknown:
            raise ConfigurationError(f"A rule has no {unknown}; it has {[one.name for one in fields(cls)]}.")
        for name, value in values.items():
            if value is None:
                raise arguments.refusal(name, value, "write a value, or leave it out of the rule.")
        tags = arguments.texts("tags", values.get("tags"))
        return cls(
            None if tags is None else tuple(tags),
            arguments.text("q", values.get("q")),
            bool(arguments.flag("intersect_tags", values.get("intersect_tags"))),
            arguments.whole_number("min_count", values.get("min_count")),
            arguments.whole_number("max_count", values.get("max_count")),
            arguments.number("min_share", values.get("min_share")),
            arguments.number("max_share", values.get("max_share")),
        )

    @property
    def is_empty(self) -> bool:
        """True if a choice is given and empty, so that no data match."""
        return arguments.is_empty(self.tags) or arguments.is_empty(self.q)

    @property
    def query(self) -> str:
        """Query-language text of the matching data, within the selection."""
        return both(self.q, tags_query(self.tags or (), self.intersect_tags))

    @property
    def subject(self) -> str:
        """The matching data, for a message."""
        if self.is_empty:
            return "chosen by an empty rule"
        named = (" and " if self.intersect_tags else " or ").join(self.tags or ())
        parts = [part for part in (f"tagged {named}" if named else "", f"with {self.q}" if self.q else "") if part]
        return " ".join(parts) or "in all"

    def broken_by(self, count: int, total: int) -> str | None:
        """Return the sentence on a rule that `count` matching data of `total` break; None when they keep it."""
        share = count / total if total else 0.0
        limits = [
            (self.min_count is not None and count < self.min_count, f"at least {self.min_count} are wanted"),
            (self.max_count is not None and count > self.max_count, f"at most {self.max_count} may be"),
            (self.min_share is not None and share < self.min_share, f"at least {_percent(self.min_share)} are wanted"),
            (self.max_share is not None and share > self.max_share, f"at most {_percent(self.max_share)} may be"),
        ]
        broken = [words for wrong, words in limits if wrong]
        if not broken:
            return None
        return f"{count} of {total} data are {self.subject} ({share:.1%}), {' and '.join(broken)}"


def broken_rules(rules: Sequence[Rule], counts: Sequence[int], total: int) -> list[str]:
    """Return a sentence per broken rule; an empty selection breaks every gate."""
    if not total:
        return ["there are no data at all"]
    found = (rule.broken_by(count, total) for rule, count in zip(rules, counts, strict=True))
    return [words for words in found if words]


def _percent(share: float | None) -> str:
    return f"{share or 0.0:.1%}"
