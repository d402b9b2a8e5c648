"""An example for every body and answer of the OpenAPI document: what a model gives itself, else one made of its fields.

So every route has one, also where nobody has thought of it, and each of them is what its schema says.
"""

from collections.abc import Mapping
from typing import Any, cast

Schema = Mapping[str, Any]
_WHEN = "2030-01-31T22:00:00Z"
_NAMED: Mapping[str, Any] = {
    "id": 17, "job_id": 17, "name": "verify_and_copy", "workflow": "verify_and_copy", "task_group": "map_sheet",
    "site": "london", "queue": "default", "function": "worker", "owner": "ann", "user": "ann", "author": "ann",
    "actor": "ann", "created_by": "ann", "label": "Verify and copy", "action": "fs.checksum", "state": "Started",
    "reason": "the disk is nearly full", "detail": "what it is about", "path": "/data/in/sheet-12.tif",
    "message": "[Errno 28] No space left on device", "error_class": "OSError", "fingerprint": "0123456789abcdef",
    "url": "https://example.org/jobs", "key": "tq_ab12cd34_", "prefix": "ab12cd34", "version": 3, "task_id": 1088,
    "priority": 5, "percent": 62.5, "done": 5, "total": 8, "worker": "london.worker@host-1", "host": "host-1",
    "node": "london.worker@host-1", "media_type": "application/pdf", "size": 4096, "limit": 50, "seq": 3,
}  # fmt: skip
"""What a field of this name might be, where that is of its type."""
_PLAIN: Mapping[str, Any] = {"integer": 1, "number": 1.5, "boolean": True, "string": "text", "null": None}
_TYPES: Mapping[str, type | tuple[type, ...]] = {"integer": int, "number": (int, float), "string": str}


class Examples:
    """Makes examples of schemas, whose parts are in the document."""

    def __init__(self, parts: Mapping[str, Schema]) -> None:
        self._parts = parts

    def give(self, operation: dict[str, Any]) -> None:
        """Give an operation's parameters in its path, its body and its answers the examples that they lack."""
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                parameter.setdefault("example", self.of(parameter["schema"], parameter["name"]))
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for media in body.get("content", {}).values():
                if "schema" in media and "examples" not in media:
                    media.setdefault("example", self.of(media["schema"]))

    def of(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        """An example of a schema, that of the field of this name."""
        if depth > 12:
            return None
        if "$ref" in schema:
            return self.of(self._parts[schema["$ref"].rpartition("/")[2]], name, depth + 1)
        for said in ("example", "const"):
            if said in schema:
                return schema[said]
        if schema.get("examples"):
            return self._whole(schema, schema["examples"][0], depth)
        if schema.get("enum"):
            return schema["enum"][0]
        if options := [one for way in ("anyOf", "oneOf", "allOf") for one in schema.get(way, ())]:
            return self._one_of(options, name, depth)
        return self._made(schema, name, depth)

    def _whole(self, schema: Schema, example: Any, depth: int) -> Any:
        """The example with what it lacks: one that came from a model with fewer fields."""
        fields = schema.get("properties", {})
        if not isinstance(example, dict):
            return example
        given = cast(dict[str, Any], example)
        lacking = [name for name in schema.get("required", ()) if name not in given and name in fields]
        return given | {name: self.of(fields[name], name, depth + 1) for name in lacking}

    def _one_of(self, options: list[Schema], name: str, depth: int) -> Any:
        """Null where that is possible, and nothing better is known."""
        some = [one for one in options if one.get("type") != "null"]
        known = name in _NAMED or any("$ref" in one or one.get("examples") for one in some)
        if len(some) < len(options) and not known:
            return None
        return self.of(some[0], name, depth + 1)

    def _made(self, schema: Schema, name: str, depth: int) -> Any:
        kind = schema.get("type", "object")
        if kind == "object" or "properties" in schema:
            required = schema.get("required", ())
            fields = cast(Mapping[str, Schema], schema.get("properties", {}))
            return {
                field: self.of(part, field, depth + 1)
                for field, part in fields.items()
                if field in required or "default" not in part
            }
        if kind == "array":
            return [self.of(schema["items"], name, depth + 1)] if schema.get("items") else []
        if schema.get("format") == "date-time":
            return _WHEN
        named = _NAMED.get(name)
        if named is not None and isinstance(named, _TYPES.get(kind, ())) and not isinstance(named, bool):
            return named
        if kind in ("integer", "number") and "minimum" in schema:
            return schema["minimum"]
        return _PLAIN[kind]
