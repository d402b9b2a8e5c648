"""The parameters of an action: read from its signature, published as JSON Schema, and checked before it runs."""

import inspect
import json
import typing
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema

from orchestrator.domain.place import place_of
from orchestrator.errors import ConfigError, Fault, Invalid

_GIVEN_TO_ACTIONS = ("ctx", "paths")
"""What comes by position, before the parameters."""
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Parameters:
    """The keyword parameters of one function ``f(ctx, paths, **parameters)``; ``leading`` names what comes before them.

    ``**kwargs`` in the signature takes any; without it what is not named is refused. Types are what pydantic can
    read; ``Literal`` becomes an enum, and ``Annotated[int, Field(ge=1, description="...")]`` says more.
    ConfigError when the signature can not work; it begins with ``what``.
    """

    def __init__(self, function: Callable[..., Any], what: str, *, leading: Sequence[str] = _GIVEN_TO_ACTIONS) -> None:
        self._model = _model_of(function, what, leading)
        try:
            with warnings.catch_warnings():
                # A default that JSON can not express is left out of the schema; it is still used.
                warnings.simplefilter("ignore")
                self.schema: dict[str, Any] = self._model.model_json_schema(schema_generator=_Plain)
        except PydanticUserError as error:
            raise ConfigError(f"{what}: its parameters can not be described as JSON: {error.message}") from error
        self.schema.pop("title", None)
        self.schema.setdefault("additionalProperties", True)

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments for the function; Invalid with the place and the reason of each fault.

        Strict: a text is no number, a number no text. What is not given is left to the function's own defaults.
        """
        try:
            bound = self._model.model_validate_json(json.dumps(dict(given)), strict=True)
        except ValidationError as error:
            faults = [
                Fault(place_of(fault["loc"]), fault["msg"])
                for fault in error.errors(include_url=False, include_input=False, include_context=False)
            ]
            raise Invalid("; ".join(f"{fault.place}: {fault.reason}" for fault in faults), faults) from None
        except (TypeError, ValueError, RecursionError) as error:
            raise Invalid(f"the parameters are not JSON: {error}") from None
        names = {name: field.alias or name for name, field in self._model.model_fields.items()}
        named = {names[name]: getattr(bound, name) for name in bound.model_fields_set if name in names}
        return named | (bound.model_extra or {})


class _Plain(GenerateJsonSchema):
    """Without the titles that pydantic makes up of names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False


def _model_of(function: Callable[..., Any], what: str, names: Sequence[str]) -> type[BaseModel]:
    parameters = list(inspect.signature(function).parameters.values())
    leading = parameters[: len(names)]
    if len(leading) < len(names) or any(p.kind not in _POSITIONAL for p in leading):
        raise ConfigError(f"{what}: has to begin with the parameters ({', '.join(names)})")
    try:
        types = typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise ConfigError(f"{what}: an annotation can not be read: {error}") from error
    fields: dict[str, Any] = {}
    open_ended = False
    for number, parameter in enumerate(parameters[len(names) :]):
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            open_ended = True
        elif parameter.kind in _NAMED:
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            # Numbered, and known by their alias: pydantic has names of its own, such as `copy` and `json`.
            described = Field(default, alias=parameter.name)
            fields[f"field_{number}"] = (types.get(parameter.name, Any), described)
        else:
            raise ConfigError(f"{what}: {parameter.name} can not be given by name; write it after a *")
    config = ConfigDict(extra="allow" if open_ended else "forbid", hide_input_in_errors=True, validate_default=False)
    try:
        return create_model("Parameters", __config__=config, **fields)
    except (PydanticUserError, TypeError) as error:
        raise ConfigError(f"{what}: its parameters can not be checked: {error}") from error
