"""Definitions in files: read, named, and written as people write them."""

import sys
from pathlib import Path
from typing import Any, cast

import yaml

from orchestrator.cli.verb import usage
from orchestrator.contracts.document import read_yaml
from orchestrator.errors import Invalid

_ADDED = {"version", "created_by", "created_at"}
_OPTIONAL = {
    *("label", "icon_classes", "discovery", "discovery_options", "fields", "tolerance", "breaker", "choices"),
    *("default", "include", "exclude", "site", "queue", "function", "retries", "timeout", "hard_timeout", "group"),
    *("manual", "attributes_schema"),
}


def read_definition(file: Path) -> dict[str, Any]:
    """The definition in a file, ``-`` is standard input; JSON is YAML too. Read as strictly as the service does."""
    try:
        document: object = read_yaml(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from None
    except Invalid as error:
        raise usage(f"{file} is neither YAML nor JSON: {'; '.join(fault.reason for fault in error.faults)}") from None
    if not isinstance(document, dict):
        raise usage(f"{file}: a definition is a mapping, not {type(document).__name__}")
    return cast(dict[str, Any], document)


def named(file: Path, definition: dict[str, Any]) -> str:
    """The name that the definition in a file gives; usage when there is none."""
    name = definition.get("name")
    if not isinstance(name, str) or not name:
        raise usage(f"{file}: it has no name")
    return name


def written(definition: dict[str, Any]) -> str:
    """The definition in an answer as YAML that can be read again."""
    # The dumper escapes control characters itself: nothing of the definition can act on a terminal.
    return yaml.safe_dump(as_written(definition), sort_keys=False)


def as_written(part: Any) -> Any:
    """The definition in an answer as a person would write it: without what the service added or left empty."""
    if isinstance(part, list):
        return [as_written(item) for item in cast(list[Any], part)]
    if not isinstance(part, dict):
        return part
    return {
        name: as_written(value)
        for name, value in cast(dict[str, Any], part).items()
        if name not in _ADDED and not (name in _OPTIONAL and value in (None, []))
    }
