"""Attributes of jobs: what their users want to know of them, checked against the JSON Schema that there is for it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from sqlalchemy import Connection, text

from orchestrator.domain.kinds import Kind
from orchestrator.domain.storable import storable_faults
from orchestrator.errors import Fault
from orchestrator.services.parameters import parameter_faults

MAX_BYTES = 64 * 1024


def schema_faults(schema: Mapping[str, Any] | None, place: str) -> Iterator[Fault]:
    """Why this can not be the schema of attributes."""
    if schema is None:
        return
    if len(msgspec.json.encode(schema)) > MAX_BYTES:
        yield Fault(place, f"is larger than {MAX_BYTES} bytes")
        return
    try:
        Draft202012Validator.check_schema({**schema})
    except (SchemaError, RecursionError) as error:
        yield Fault(place, f"is no JSON Schema: {str(error).splitlines()[0]}")


def attribute_faults(schema: Mapping[str, Any] | None, attributes: Mapping[str, Any], place: str) -> list[Fault]:
    """What is wrong with attributes; without a schema they may be anything that can be kept."""
    if faults := list(storable_faults(dict(attributes), place)):
        return faults
    if len(msgspec.json.encode(attributes)) > MAX_BYTES:
        return [Fault(place, f"are larger than {MAX_BYTES} bytes")]
    return [] if schema is None else parameter_faults(schema, attributes, place)


_OF_WORKFLOW = text("""
    select v.definition -> 'attributes_schema' from jobs j
    join workflow_versions v on v.workflow = j.workflow and v.version = j.workflow_version where j.id = :job
""")
_OF_GROUP = text("""
    select t.attributes_schema from group_jobs g join task_groups t on t.name = g.task_group where g.job_id = :job
""")
_OF_EDIT = text("""
    select v.definition -> 'attributes_schema' from edit_jobs e
    join job_type_versions v on v.job_type = e.job_type and v.version = e.job_type_version where e.job_id = :job
""")


def schema_of(tx: Connection, job: int, kind: str) -> Mapping[str, Any] | None:
    """The schema that a job's attributes have to agree with; None: there is none."""
    if kind == Kind.BATCH:
        return tx.execute(_OF_WORKFLOW, {"job": job}).scalar()
    query = _OF_GROUP if kind == Kind.GROUP else _OF_EDIT if kind == Kind.EDIT else None
    return None if query is None else tx.execute(query, {"job": job}).scalar()
