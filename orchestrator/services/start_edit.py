"""Starting an edit job: a job of kind edit, of a type."""

from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from orchestrator.contracts.edit_job import EditJobAsked, Whose
from orchestrator.contracts.faults import MOST, read_storable
from orchestrator.contracts.job_type import JobTypeVersion
from orchestrator.domain.edit_job import EDIT_JOB
from orchestrator.domain.kinds import Kind
from orchestrator.errors import Fault, Invalid, NotFound
from orchestrator.services.attributes import attribute_faults
from orchestrator.services.depend import depend
from orchestrator.services.edit_events import must_be_somebody
from orchestrator.services.job_types import read_type
from orchestrator.services.submit import Submitted, body_digest, repeated
from orchestrator.storage.edit_rows import add_edit
from orchestrator.storage.tables import jobs

_REFUSAL = "the job can not be taken"


def start_edit(tx: Connection, body: object, owner: str, idempotency_key: str | None = None) -> Submitted:
    """Make an edit job of a request body, as part of the transaction; the same key with the same body is the same job.

    It is Proposed, or Allocated where that is asked for. Conflict for the same key with another body, Invalid for
    everything else that is wrong.
    """
    digest = body_digest(body)
    if idempotency_key is not None and (job := repeated(tx, owner, idempotency_key, digest)) is not None:
        return Submitted(job, created=False)
    asked, kind = _checked(tx, body)
    event, state = EDIT_JOB.starts[asked.allocate]
    job = _add_job(tx, asked, state, owner, idempotency_key, digest)
    if job is None:  # another request with the same key came first, and is committed by now
        job = repeated(tx, owner, cast(str, idempotency_key), digest)
        assert job is not None  # noqa: S101 - jobs keep their keys
        return Submitted(job, created=False)
    values = {
        "job_type": kind.name,
        "job_type_version": kind.version,
        "mode": kind.mode,
        "quarantine": kind.quarantine or asked.quarantine,
        "planned_start": asked.planned_start,
    }
    add_edit(tx, job, event, state, owner, values)
    if asked.depends_on:
        depend(tx, job, asked.depends_on)
    return Submitted(job, created=True)


def _checked(tx: Connection, body: object) -> tuple[EditJobAsked, JobTypeVersion]:
    asked = read_storable(EditJobAsked, body, _REFUSAL)
    try:
        kind = read_type(tx, asked.job_type)
    except NotFound as missing:
        raise Invalid(_REFUSAL, [Fault("$.job_type", missing.detail)]) from None
    if faults := attribute_faults(kind.attributes_schema, asked.attributes, "$.attributes"):
        raise Invalid(_REFUSAL, faults[:MOST])
    must_be_somebody(tx, Whose(assignee=asked.assignee, group=asked.group), _REFUSAL)
    return asked, kind


def _add_job(tx: Connection, asked: EditJobAsked, state: str, owner: str, key: str | None, digest: bytes) -> int | None:
    """The new job's id, or None when the key is taken."""
    values: dict[str, Any] = asked.model_dump(
        include={"name", "assignee", "extent", "attributes", "priority", "due_at"}
    )
    row = insert_or_not(jobs).values(
        kind=Kind.EDIT,
        assigned_group=asked.group,
        owner=owner,
        state=state,
        idempotency_key=key,
        request_hash=digest,
        **values,
    )
    unique = row.on_conflict_do_nothing(index_elements=[jobs.c.owner, jobs.c.idempotency_key])
    return tx.execute(unique.returning(jobs.c.id)).scalar_one_or_none()
