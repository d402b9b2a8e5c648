"""What is submitted for a step of an edit job: its workflow, with what the job gives of the fields that it declares."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from orchestrator.contracts.job_type import StepDefinition

Given = Mapping[str, Any]
"""Field -> what the job gives; ``workspace`` has the folder of its workspace, as text."""

FIELDS = ("job", "name", "extent", "attributes", "workspace", "parent", "failures", "resolve")
"""What is given. ``parent`` and ``failures`` are a correction's or a conflict's; ``resolve`` counts, from 0, how often
conflicts were to be resolved without a person before."""


def specimen() -> Given:
    """What a job might give, to see whether a step could be submitted at all."""
    nowhere: Any = {"type": "Point", "coordinates": [0, 0]}
    nothing: Any = {}
    given = (1, "any", nowhere, nothing, "/workspace", 1, [nothing], 0)
    return dict(zip(FIELDS, given, strict=True))


def step_order(tx: Connection, step: StepDefinition, given: Given) -> dict[str, Any]:
    """The body of a submission; what the step itself says of a field goes before what the job gives."""
    declared = tx.execute(_DECLARED, {"workflow": step.workflow}).scalars()
    fields = {name: given[name] for name in declared if name in FIELDS and given.get(name) is not None}
    order: dict[str, Any] = {
        "workflow": step.workflow,
        "site": step.site,
        "paths": [given["workspace"]] if step.paths is None else step.paths,
        "fields": fields | step.fields,
    }
    return order if step.queue is None else order | {"queue": step.queue}


_DECLARED = text("""
    select field ->> 'name' from workflows w
    join workflow_versions v on v.workflow = w.name and v.version = w.version
    cross join lateral jsonb_array_elements(coalesce(v.definition -> 'fields', '[]')) as field
    where w.name = :workflow and w.deleted_at is null
""")
