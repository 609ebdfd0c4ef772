"""What a variant may change besides the model: settings of the pipeline and of its selector, by dotted name.

Values are checked against the very fields of `Settings`. Settings that say what data means, where things are, or what
item state is made of are not among them: they hold for everybody. Knows nothing of experiments.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from feedrank.errors import InvalidInput
from feedrank.settings import SelectorSettings, Settings, SourceQuotas

Value = bool | int | float | str
Change = tuple[str, Value]  # dotted setting, value

_PLAIN = ("candidates", "filter_language", "seen_views", "seen_views_hours")
_GROUPS: Mapping[str, type[BaseModel]] = {"selector": SelectorSettings, "quotas": SourceQuotas}

VARIABLE: Mapping[str, FieldInfo] = {
    **{name: Settings.model_fields[name] for name in _PLAIN},
    **{f"{group}.{name}": field for group, model in _GROUPS.items() for name, field in model.model_fields.items()},
}


def flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables as dotted names: {"selector": {"explore": 0.1}} and {"selector.explore": 0.1} are the same."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": each for inner, each in flattened(value).items()}
        else:
            flat[name] = value
    return flat


def checked(name: str, value: Any) -> Value:
    """The value as its setting takes it. InvalidInput for a name a variant may not set, or a value out of bounds."""
    if name not in VARIABLE:
        raise InvalidInput(f"a variant cannot set {name!r}; it may set {', '.join(sorted(VARIABLE))}")
    field = VARIABLE[name]
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, field])  # type: ignore[arg-type]
        taken: Value = adapter.validate_python(value)
    except ValidationError as error:
        raise InvalidInput(f"{name} cannot be {value!r}: {error.errors()[0]['msg']}") from error
    return taken


def overlaid(settings: Settings, changes: tuple[Change, ...]) -> Settings:
    """Settings with checked changes laid over them."""
    plain = {name: value for name, value in changes if "." not in name}
    grouped: dict[str, dict[str, Value]] = {}
    for name, value in changes:
        group, _, inner = name.partition(".")
        if inner:
            grouped.setdefault(group, {})[inner] = value
    nested: dict[str, BaseModel] = {"selector": settings.selector, "quotas": settings.quotas}
    laid = {group: nested[group].model_copy(update=values) for group, values in grouped.items()}
    return settings.model_copy(update={**plain, **laid})
