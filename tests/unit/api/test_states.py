"""One spelling of every state, from the machines: in the OpenAPI document, the tables and the command line."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Enum, create_engine

from orchestrator.api.app import make_app
from orchestrator.cli.bars import ENDED
from orchestrator.cli.output import STATE_STYLES
from orchestrator.contracts.views import Step, TaskCounts
from orchestrator.domain.discovery import DISCOVERY, DiscoveryState
from orchestrator.domain.health import Health
from orchestrator.domain.kinds import MACHINES, STATES
from orchestrator.domain.task import TASK, TaskState
from orchestrator.domain.task_group import TASK_JOB, TaskStatus
from orchestrator.storage import tables

WORDS: Mapping[str, tuple[str, ...]] = {
    "job": STATES,
    "task": TASK.words,
    "discovery": DISCOVERY.words,
    "row of a list": tuple(TaskStatus),
    "job, or any end": (*STATES, "end"),
}
"""The spellings that there are; what is asked of a task (``status``) is in capitals by its published interface."""
NO_STATE = {
    "GivenPath.state": "what happened to a path, in the words of whoever gives it",
    "Rule.state": "the same",
    "Dependency.state": "checked against the kind of the job that is named, with its place",
}


def schemas(part: Any, name: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object of a document with the name of its model, wherever it is written out."""
    if isinstance(part, dict):
        name = part.get("title", name)
        if isinstance(part.get("properties"), dict):
            yield name, part["properties"]
        for inner in part.values():
            yield from schemas(inner, name)
    elif isinstance(part, list):
        for inner in part:
            yield from schemas(inner, name)


def enum_of(schema: Any, parts: Mapping[str, Any]) -> set[str]:
    """All words that may stand there; any text at all is the word ``*``."""
    if "$ref" in schema:
        return enum_of(parts[schema["$ref"].rpartition("/")[2]], parts)
    if "const" in schema:
        return {schema["const"]}
    if "enum" in schema:
        return set(schema["enum"])
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    if inner:
        return {word for one in inner for word in enum_of(one, parts)}
    return set() if schema.get("type") == "null" else {"*"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return make_app(create_engine("postgresql+psycopg://"), secret=b"", redis_url=None).openapi()


def test_every_state_in_the_document_is_a_word_of_a_machine(document: dict[str, Any]):
    parts, known = document["components"]["schemas"], [set(words) for words in WORDS.values()]
    fields = {
        f"{model}.{name}": enum_of(properties[name], parts)
        for model, properties in schemas(document)
        for name in ("state", "from", "to")
        if name in properties and f"{model}.{name}" not in NO_STATE
    }
    assert {"Job.state", "Task.state", "Snapshot.state"} <= fields.keys() | {"Snapshot.state"}
    assert {"HistoryEntry.from", "HistoryEntry.to", "WorklistItem.state", "Line.state"} <= fields.keys() | {
        "Line.state"
    }
    fields.pop("WorkflowDifference.from")  # numbers of versions
    fields.pop("WorkflowDifference.to")
    assert not {name: words for name, words in fields.items() if words not in known}
    asked = {
        f"{method} {path} ?{parameter['name']}": enum_of(parameter["schema"], parts)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "state"
    }
    assert len(asked) >= 2
    assert not {name: words for name, words in asked.items() if words not in known}


def test_what_is_counted_is_counted_by_state(document: dict[str, Any]):
    assert tuple(TaskCounts.model_fields) == TASK.words
    assert set(TASK.words) < set(Step.model_fields)
    assert set(document["components"]["schemas"]["TaskCounts"]["properties"]) == set(TASK.words)
    for words, table in ((TASK.words, tables.job_steps), (DISCOVERY.words, tables.discoveries)):
        assert {word.lower() for word in words} <= set(table.c.keys())


def test_the_database_takes_the_words_of_the_machines_and_no_other():
    known = {"job_state": STATES, "task_state": TASK.words, "discovery_state": DISCOVERY.words}
    found = {
        f"{table.name}.{column.name}": (column.type.name, tuple(column.type.enums))
        for table in tables.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Enum)
    }
    assert {"jobs.state", "tasks.state", "walks.state", "discoveries.state"} <= found.keys()
    assert not {name: words for name, (kind, words) in found.items() if words != known[str(kind)]}
    assert tuple(TaskState) == TASK.words
    assert tuple(DiscoveryState) == DISCOVERY.words
    [by_kind] = [
        str(one.sqltext)
        for one in tables.jobs.constraints
        if isinstance(one, CheckConstraint) and str(one.name).endswith("state")
    ]
    for kind, machine in MACHINES.items():
        assert f"kind = '{kind}' and state in ({', '.join(repr(word) for word in machine.words)})" in by_kind
    [codes] = [
        str(one.sqltext)
        for one in tables.group_tasks.constraints
        if isinstance(one, CheckConstraint) and str(one.name).endswith("status")
    ]
    assert codes == f"status in ({', '.join(map(str, sorted(status.code for status in TaskStatus)))})"
    assert set(TASK_JOB.words) <= set(TaskStatus)


def test_the_command_line_knows_no_other():
    assert set(STATE_STYLES) <= {*STATES, *TASK.words, *DISCOVERY.words, *Health}
    assert set(ENDED) == set(TASK.terminal)
