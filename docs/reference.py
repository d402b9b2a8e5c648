"""The reference that is generated from the code: routes, commands, and what Python programs import."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from orchestrator.api.app import make_app as make_api
from orchestrator.cli.main import make_app as make_program

_METHODS = ("get", "head", "post", "put", "patch", "delete")

_PYTHON = """# Python

## `workers`: actions and discoveries

```{eval-rst}
.. automodule:: workers
   :members:
   :imported-members:
```

## `workers.testing`: actions in a test

```{eval-rst}
.. automodule:: workers.testing
   :members:
```

## `orchestrator.client`: the API for programs

```{eval-rst}
.. automodule:: orchestrator.client
   :members:
   :imported-members:
   :inherited-members: BaseModel, object
```
"""


def write_reference(folder: Path) -> None:
    """Write the pages anew where they differ, so that only what changed is built again."""
    folder.mkdir(exist_ok=True)
    for name, page in (("http", "\n".join(_http())), ("commands", _commands()), ("python", _PYTHON)):
        file = folder / f"{name}.md"
        if not file.exists() or file.read_text() != page:
            file.write_text(page)


def _commands() -> str:
    program = get_command(make_program())
    return get_docs_for_click(obj=program, ctx=Context(program), name="orchestrator", title="Commands")


def _http() -> Iterator[str]:
    api = make_api(create_engine("postgresql+psycopg://"), secret=b"", redis_url=None).openapi()
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
    for path, item in api["paths"].items():
        for method in _METHODS:
            if method in item:
                by_tag[(item[method].get("tags") or ["other"])[0]].append((method, path, item[method]))
    yield "# HTTP\n"
    yield "Every route, from the OpenAPI document that is served at `/openapi.json`; [how to use them](../api.md).\n"
    for tag, operations in by_tag.items():
        yield f"## {tag.capitalize()}\n"
        for method, path, operation in operations:
            yield from _operation(method, path, operation)
    yield "## Shapes\n"
    for name, schema in sorted(api["components"]["schemas"].items()):
        yield from _shape(name, schema)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`\n"
    yield f"**{operation.get('summary', '')}.** {operation.get('description', '')}\n"
    yield f"Permission: `{operation['x-permission']}`.\n"
    if parameters := operation.get("parameters"):
        yield "| parameter | in | type | |\n|---|---|---|---|"
        for one in parameters:
            must = " (required)" if one.get("required") and one["in"] != "path" else ""
            kind, about = _type(one.get("schema", {})), _cell(one.get("description", ""))
            yield f"| `{one['name']}`{must} | {one['in']} | {kind} | {about} |"
        yield ""
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body, `{media}`: {_type(content.get('schema', {}))}.\n"
    for status, response in operation["responses"].items():
        if status < "400":
            shapes = {_type(content.get("schema", {})) for content in response.get("content", {}).values()}
            yield f"`{status}`: {', '.join(sorted(shapes)) or 'nothing'}.\n"
    yield (
        "Problems: " + ", ".join(f"`{status}`" for status in sorted(operation["responses"]) if status >= "400") + ".\n"
    )


def _shape(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"(shape-{name.lower()})=\n### {name}\n"
    yield f"{schema.get('description', '')}\n"
    if properties := schema.get("properties"):
        needed = set(schema.get("required", ()))
        yield "| field | type | |\n|---|---|---|"
        for field, about in properties.items():
            must = " (required)" if field in needed else ""
            yield f"| `{field}`{must} | {_type(about)} | {_cell(about.get('description', ''))} |"
        yield ""
    elif "enum" in schema:
        yield _type(schema) + "\n"


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in some words."""
    match schema:
        case {"$ref": ref}:
            name = str(ref).rsplit("/", 1)[-1]
            return f"[{name}](#shape-{name.lower()})"
        case {"anyOf": some} | {"oneOf": some} | {"allOf": some}:
            return " or ".join(dict.fromkeys(_type(one) for one in some))
        case {"enum": values}:
            return ", ".join(f"`{json.dumps(value)}`" for value in values)
        case {"const": value}:
            return f"`{json.dumps(value)}`"
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object of {_type(values)}"
        case {"type": kind, "format": form}:
            return f"{kind} ({form})"
        case {"type": kind}:
            return str(kind)
        case _:
            return "anything"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
