"""Starting a group job: a job of kind group, made of the definition of a task group."""

from typing import Any, cast

from sqlalchemy import Connection, insert
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from orchestrator.contracts.faults import MOST, read_storable
from orchestrator.contracts.task_group import GroupJobAsked, Said, TaskGroupDefinition
from orchestrator.domain.kinds import Kind
from orchestrator.domain.task_group import GROUP_JOB
from orchestrator.errors import Fault, Invalid
from orchestrator.services.attributes import attribute_faults
from orchestrator.services.depend import depend
from orchestrator.services.group_tools import set_list
from orchestrator.services.submit import Submitted, body_digest, repeated
from orchestrator.services.task_groups import find_definition
from orchestrator.storage.history import record
from orchestrator.storage.tables import group_jobs, jobs

_REFUSAL = "the job can not be taken"


def start_group(tx: Connection, body: object, owner: str, idempotency_key: str | None = None) -> Submitted:
    """Make a group job of a request body, as part of the transaction; the same key with the same body is the same job.

    With ``advance: auto`` its list is set and its first task begun at once. Conflict for the same key with another
    body, Invalid for everything else that is wrong.
    """
    digest = body_digest(body)
    if idempotency_key is not None and (job := repeated(tx, owner, idempotency_key, digest)) is not None:
        return Submitted(job, created=False)
    asked, definition = _checked(tx, body)
    job = _add_job(tx, asked, owner, idempotency_key, digest)
    if job is None:  # another request with the same key came first, and is committed by now
        job = repeated(tx, owner, cast(str, idempotency_key), digest)
        assert job is not None  # noqa: S101 - jobs keep their keys
        return Submitted(job, created=False)
    tx.execute(insert(group_jobs).values(job_id=job, task_group=asked.task_group, advance=asked.advance))
    event, state = GROUP_JOB.start
    record(tx, job, event, actor=owner, after=state)
    if asked.depends_on:
        depend(tx, job, asked.depends_on)
    if asked.advance == "auto":
        set_list(tx, job, definition, owner, Said())
    return Submitted(job, created=True)


def _checked(tx: Connection, body: object) -> tuple[GroupJobAsked, TaskGroupDefinition]:
    asked = read_storable(GroupJobAsked, body, _REFUSAL)
    definition = find_definition(tx, asked.task_group)
    if definition is None:
        raise Invalid(_REFUSAL, [Fault("$.task_group", f"there is no task group {asked.task_group!r}")])
    if faults := attribute_faults(definition.attributes_schema, asked.attributes, "$.attributes"):
        raise Invalid(_REFUSAL, faults[:MOST])
    return asked, definition


def _add_job(tx: Connection, asked: GroupJobAsked, owner: str, key: str | None, digest: bytes) -> int | None:
    """The new job's id, or None when the key is taken."""
    values: dict[str, Any] = asked.model_dump(include={"extent", "attributes", "priority", "due_at"})
    row = insert_or_not(jobs).values(
        kind=Kind.GROUP,
        name=asked.name or asked.task_group,
        owner=owner,
        state=GROUP_JOB.start[1],
        idempotency_key=key,
        request_hash=digest,
        **values,
    )
    unique = row.on_conflict_do_nothing(index_elements=[jobs.c.owner, jobs.c.idempotency_key])
    return tx.execute(unique.returning(jobs.c.id)).scalar_one_or_none()
