"""Abstract operator that renders its arguments as their kind needs it and normalises them before the work."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from airflow_provider.compat import (
    BaseOperator,
    is_native,
    is_template,
    mapped_arguments,
    render_text,
    text_environment,
)
from airflow_provider.operators.abstract.fields import Field, without_nothing


class ArgumentsOperator(BaseOperator):
    """Abstract operator whose arguments are declared as fields; each field is a template field.

    An argument is wired when it holds a template or the output of another task, or is mapped. A wired value that comes
    out as None, "None", blank or empty was given and is empty: a choice of data then matches nothing, a required
    argument leaves nothing to do, one that narrows a choice or names the lake is refused, and any other takes its
    default.
    """

    argument_fields: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        declared: dict[str, Field] = {}
        for parent in reversed(cls.__mro__):
            declared |= vars(parent).get("argument_fields", {})
        cls.argument_fields = declared
        templated = (name for name, field in declared.items() if field.is_templated)
        cls.template_fields = tuple(dict.fromkeys((*templated, *cls.template_fields)))
        as_json = {name: "json" for name, field in declared.items() if field.is_json}
        cls.template_fields_renderers = {**as_json, **cls.template_fields_renderers}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._default_args: Mapping[str, Any] = kwargs.get("default_args") or {}
        self._wired: frozenset[str] = frozenset()
        self._templates: Mapping[str, Any] = {}
        self._renders_text = False

    def normalise_arguments(self) -> None:
        """Bring every argument to the one form of its field.

        Raises:
            ArgumentError: a value is not what its field takes.
            NoDataError: a required argument came out empty.
        """
        for name, field in self.argument_fields.items():
            value = field.read(name, getattr(self, name), name in self._wired, _default(type(self), name))
            setattr(self, name, value)

    def template_of(self, name: str) -> Any:
        """Return the template or upstream output that an argument was rendered from; None for one without."""
        return self._templates.get(name)

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Any, jinja_env: Any, seen_oids: set[int]
    ) -> None:
        names = list(template_fields)
        if parent is not self:
            super()._do_render_template_fields(parent, names, context, jinja_env, seen_oids)
            return
        self._wired = self._wired_fields()
        self._templates = templates = {name: getattr(self, name) for name in names if name in self._wired}
        # A native template makes a number of the name "2026", and loses the text of "2026.10".
        texts = [name for name in names if name in self.argument_fields and self.argument_fields[name].is_text]
        others = [name for name in names if name not in texts]
        super()._do_render_template_fields(parent, others, context, jinja_env, seen_oids)
        environment = text_environment(self) if is_native(jinja_env) else jinja_env
        self._renders_text = True
        try:
            super()._do_render_template_fields(parent, texts, context, environment, seen_oids)
        finally:
            self._renders_text = False
        for name, template in templates.items():
            if not isinstance(template, str):
                setattr(self, name, without_nothing(template, getattr(self, name)))

    def _render(self, template: Any, context: Any, dag: Any = None) -> Any:
        # Airflow decides by the DAG, whatever the template's environment is.
        return render_text(template, context) if self._renders_text else super()._render(template, context, dag)

    def _wired_fields(self) -> frozenset[str]:
        # Airflow has resolved mapped arguments already.
        mapped = mapped_arguments(self, self._default_args)
        return frozenset(
            name for name in self.argument_fields if name in mapped or is_template(getattr(self, name, None))
        )


@cache
def _default(operator: type[BaseOperator], name: str) -> Any:
    for parent in operator.__mro__:
        if "__init__" in vars(parent):
            found = inspect.signature(vars(parent)["__init__"]).parameters.get(name)
            if found is not None and found.default is not found.empty:
                return found.default
    return None


def given_by_default_args(operator: BaseOperator, names: Sequence[str], default_args: Mapping[str, Any]) -> set[str]:
    """Names of the arguments of an operator whose values are those of `default_args`."""
    return {name for name in names if name in default_args and getattr(operator, name) is default_args[name]}
