"""Custom metadata schema of a lake: type and constraints of each key (wire.md section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from sqlalchemy import Connection, select

from datalake_ops.platform.http.errors import RefusalError, bad_request
from datalake_ops.platform.store import schema

T = TypeVar("T")

KEY_LENGTH = 255
_CHOICES = 64


class _Key(BaseModel):
    """Configuration that keys of every type have."""

    model_config = ConfigDict(extra="forbid", strict=True)

    required: bool
    display_name: str | None = Field(default=None, min_length=1, max_length=256)
    archived: bool = False

    @model_validator(mode="after")
    def _archived_is_not_required(self) -> _Key:
        if self.archived and self.required:
            raise ValueError("an archived key cannot be required")
        return self

    def matches(self, value: Any) -> bool:
        """Return True if a value has the key's type."""
        raise NotImplementedError

    def refusal(self, value: Any) -> str | None:
        """Reason that a value is refused, None if it is valid."""
        return None if self.matches(value) else f"must be {_TYPE_NAMES[type(self)]}, not {value!r:.80}"


class _ChoiceKey(_Key, Generic[T]):
    """Key whose value may be limited to one, or several, of some choices."""

    choices: list[T] | None = Field(default=None, min_length=1, max_length=_CHOICES)
    allow_multiple: bool | None = None

    @model_validator(mode="after")
    def _multiple_needs_choices(self) -> _ChoiceKey[T]:
        if self.allow_multiple and not self.choices:
            raise ValueError("allow_multiple needs choices")
        return self

    def comparable(self, value: Any) -> Any:
        """Convert a value to the type of choices and bounds."""
        return value

    def refusal(self, value: Any) -> str | None:
        """Reason that a value is refused: its type, or that it is none of the choices."""
        if self.allow_multiple and isinstance(value, list):
            reasons = (self._one_refusal(item) for item in value)
            return next((reason for reason in reasons if reason), None)
        return self._one_refusal(value)

    def _one_refusal(self, value: Any) -> str | None:
        wrong = super().refusal(value)
        if wrong is None and self.choices and self.comparable(value) not in self.choices:
            return f"must be one of {', '.join(str(choice) for choice in self.choices)}, not {value!r:.80}"
        return wrong


class _BoundedKey(_ChoiceKey[T]):
    """Key whose value may have bounds, both inclusive."""

    min: T | None = None
    max: T | None = None

    @model_validator(mode="after")
    def _bounds_agree(self) -> _BoundedKey[T]:
        if self.choices and (self.min is not None or self.max is not None):
            raise ValueError("choices cannot go together with min or max")
        if self.min is not None and self.max is not None and not self.min < self.max:  # type: ignore[operator]
            raise ValueError("min has to be less than max")
        return self

    def _one_refusal(self, value: Any) -> str | None:
        wrong = super()._one_refusal(value)
        if wrong is None and self.min is not None and self.comparable(value) < self.min:
            return f"must be at least {self.min}, not {value!r}"
        if wrong is None and self.max is not None and self.comparable(value) > self.max:
            return f"must be at most {self.max}, not {value!r}"
        return wrong


class StringKey(_ChoiceKey[str]):
    """Text key."""

    input_type: Literal["STRING"]

    @model_validator(mode="after")
    def _two_choices(self) -> StringKey:
        if self.choices is not None and len(self.choices) < 2:
            raise ValueError("a STRING needs at least 2 choices, or none at all")
        return self

    def matches(self, value: Any) -> bool:
        """Return True for a text."""
        return isinstance(value, str)


class IntegerKey(_BoundedKey[int]):
    """Integer key."""

    input_type: Literal["INTEGER"]

    def matches(self, value: Any) -> bool:
        """Return True for an integer; a boolean is none."""
        return isinstance(value, int) and not isinstance(value, bool)


class FloatKey(_BoundedKey[float]):
    """Number key."""

    input_type: Literal["FLOAT"]

    def matches(self, value: Any) -> bool:
        """Return True for a number; a boolean is none."""
        return isinstance(value, (int, float)) and not isinstance(value, bool)


class DatetimeKey(_BoundedKey[AwareDatetime]):
    """Datetime key: ISO text with a timezone."""

    # Lax: the wire carries moments as text.
    model_config = ConfigDict(strict=False)

    input_type: Literal["DATETIME"]

    def matches(self, value: Any) -> bool:
        """Return True for ISO text of a datetime with a timezone."""
        return isinstance(value, str) and isinstance(self.comparable(value), datetime)

    def comparable(self, value: Any) -> Any:
        """Parse the datetime of a text; any other value is returned as it is."""
        try:
            return _MOMENT.validate_python(value)
        except ValidationError:
            return value


class BooleanKey(_Key):
    """Boolean key."""

    input_type: Literal["BOOLEAN"]

    def matches(self, value: Any) -> bool:
        """Return True for a boolean."""
        return isinstance(value, bool)


Configuration = Annotated[
    StringKey | IntegerKey | FloatKey | DatetimeKey | BooleanKey, Field(discriminator="input_type")
]
_MOMENT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
_CONFIGURATION: TypeAdapter[Configuration] = TypeAdapter(Configuration)
_TYPE_NAMES: dict[type[_Key], str] = {
    StringKey: "a text",
    IntegerKey: "a whole number",
    FloatKey: "a number",
    DatetimeKey: "a moment with its timezone, like 2024-01-02T03:04:05Z",
    BooleanKey: "true or false",
}


@dataclass(frozen=True)
class LakeSchema:
    """Configured keys of a lake; `allow_extra` permits others."""

    keys: Mapping[str, Configuration]
    allow_extra: bool

    def validate(self, custom: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """Validate custom metadata; returns None if there are none. Required keys count only when some metadata are
        given.

        Raises:
            RefusalError: 400, naming the key that does not fit.
        """
        if not custom:
            return None
        for key, value in custom.items():
            self._check(key, value)
        missing = [name for name, key in self.keys.items() if key.required and custom.get(name) is None]
        if missing:
            raise bad_request(f"custom_metadata.{missing[0]} is required by the lake's schema.")
        return dict(custom)

    def accepted(self, custom: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values, found in a file and not given by a person, whose keys the schema has a place for."""
        accepted = {}
        for key, value in custom.items():
            with suppress(RefusalError):
                self._check(key, value)
                accepted[key] = value
        return accepted

    def _check(self, key: str, value: Any) -> None:
        if not key:
            raise bad_request("A key of custom_metadata cannot be empty.")
        configuration = self.keys.get(key)
        if configuration is None:
            if not self.allow_extra:
                known = ", ".join(sorted(self.keys)) or "none"
                raise bad_request(
                    f"custom_metadata.{key} is not in the lake's schema, which allows no other keys; known: {known}."
                )
        elif value is not None and not configuration.archived:
            reason = configuration.refusal(value)
            if reason is not None:
                raise bad_request(f"custom_metadata.{key} {reason}.")


def parse_configuration(raw: Any) -> Configuration:
    """Parse the configuration of a key.

    Raises:
        RefusalError: 400, with every rule it breaks.
    """
    try:
        return _CONFIGURATION.validate_python(raw)
    except ValidationError as error:
        # The first part of each location is only the discriminator.
        lines = [f"{'.'.join(str(part) for part in item['loc'][1:])}: {item['msg']}" for item in error.errors()]
        raise bad_request(
            "The configuration of the key is not valid.", [line.lstrip(": ") for line in lines]
        ) from error


def serialize_configuration(configuration: Configuration) -> dict[str, Any]:
    """Serialize a configuration for the wire: no nulls, and no field that the official SDK does not know."""
    return configuration.model_dump(mode="json", exclude_none=True)


def read_schema(connection: Connection, lake_key: int) -> LakeSchema:
    """Read the schema of a lake."""
    keys = schema.metadata_key.c
    rows = connection.execute(select(keys.name, keys.configuration).where(keys.lake_key == lake_key)).all()
    allow = schema.lake.c.allow_extra_custom_metadata
    allowed = connection.execute(select(allow).where(schema.lake.c.key == lake_key)).scalar_one()
    return LakeSchema({row.name: parse_configuration(row.configuration) for row in rows}, bool(allowed))
