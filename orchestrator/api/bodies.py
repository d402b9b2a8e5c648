"""Bodies that a route reads by itself, because of their size or their format, and how OpenAPI is told of them."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from orchestrator.contracts.document import read_json, read_yaml
from orchestrator.contracts.faults import read_as

A = TypeVar("A", bound=BaseModel)
JSON = "application/json"
YAML = "application/yaml"
_YAML_NAMES = {YAML, "application/x-yaml", "text/yaml", "text/x-yaml"}


class Body:
    """A body that has come in whole; read where it may take its time, in the handler's thread."""

    def __init__(self, content: bytes, media_type: str) -> None:
        self._content, self._media_type = content, media_type

    def __bool__(self) -> bool:
        return bool(self._content)

    def json(self) -> Any:
        """Its value. Raises Invalid when it is no JSON, and 415 when it does not say that it is."""
        if self._media_type not in {"", JSON} and not self._media_type.endswith("+json"):
            raise HTTPException(415, f"the body has to be JSON, sent with Content-Type: {JSON}")
        return read_json(self._content)

    def model(self, model: type[A], refusal: str) -> A:
        """Its value as this model, no body as one that says nothing; Invalid, with the refusal, when it is no such."""
        return read_as(model, self.json() if self else {}, refusal)

    def document(self) -> Any:
        """Its value, JSON or YAML."""
        return read_yaml(self._content) if self._media_type in _YAML_NAMES else self.json()


async def _body(request: Request) -> Body:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Body(await request.body(), media_type)


RawBody = Annotated[Body, Depends(_body)]


def taking(model: type[BaseModel], *media_types: str, required: bool = True) -> dict[str, Any]:
    """For a route's ``openapi_extra``: it takes a body of this shape."""
    schema = model.model_json_schema()
    inline = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": required, "content": {name: {"schema": inline} for name in media_types}}}


def taking_one_of(models: Sequence[type[BaseModel]], *media_types: str) -> dict[str, Any]:
    """The same for a body that may have one of several shapes."""
    schemas = [
        content["schema"] for model in models for content in taking(model, JSON)["requestBody"]["content"].values()
    ]
    return {
        "requestBody": {"required": True, "content": {name: {"schema": {"oneOf": schemas}} for name in media_types}}
    }


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    """The schema with its parts written out where they are named: OpenAPI has another place for them."""
    if isinstance(schema, list):
        return [_inlined(element, parts) for element in cast(list[Any], schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast(dict[str, Any], schema)
    if isinstance(target := members.get("$ref"), str):
        others = {key: value for key, value in members.items() if key != "$ref"}
        return _inlined({**parts[target.removeprefix("#/$defs/")], **others}, parts)
    return {key: _inlined(value, parts) for key, value in members.items()}
