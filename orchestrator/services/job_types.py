"""Types of edit jobs: every version stays as it was written; the newest is the one that new jobs take."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from orchestrator.contracts.faults import MOST, read_storable
from orchestrator.contracts.job_type import JobType, JobTypeVersion
from orchestrator.contracts.views import Page
from orchestrator.domain.place import inside
from orchestrator.errors import Conflict, Fault, Invalid, NotFound, Refused
from orchestrator.services.attributes import schema_faults
from orchestrator.services.order import read_order
from orchestrator.services.step_order import specimen, step_order
from orchestrator.services.users import ensure_groups
from orchestrator.storage.audit import audit
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import job_type_versions, job_types

_REFUSAL = "the job type can not be taken"
_NEWEST = (job_type_versions.c.version == job_types.c.version) & job_types.c.deleted_at.is_(None)


def locked_version(tx: Connection, name: str) -> int:
    """The newest version, locked until the end of the transaction; NotFound when there is no such type."""
    return _alive(tx, name, lock=True).version


def create(tx: Connection, document: object, actor: str) -> JobTypeVersion:
    """Keep a new type; Conflict when there is one of this name, Invalid when its steps could not run.

    A name that was deleted may be used again: its versions are counted on.
    """
    kind = _checked(tx, document)
    new = insert_or_not(job_types).values(name=kind.name, version=1).on_conflict_do_nothing()
    if tx.scalar(new.returning(job_types.c.version)) is not None:
        return _keep(tx, kind, 1, actor)
    row = tx.execute(select(job_types).where(job_types.c.name == kind.name).with_for_update()).one()
    if row.deleted_at is None:
        raise Conflict(f"there is a job type {kind.name!r} already; PUT makes a new version of it")
    return _keep(tx, kind, row.version + 1, actor)


def change(tx: Connection, name: str, document: object, actor: str) -> JobTypeVersion:
    """Keep a new version; the same definition again is none. NotFound, or Invalid as ``create``.

    It need not repeat the name, but not say another.
    """
    row = _alive(tx, name, lock=True)
    if isinstance(document, dict):
        document = {"name": name, **cast(dict[str, Any], document)}
    kind = _checked(tx, document)
    if kind.name != name:
        raise Invalid(_REFUSAL, [Fault("$.name", f"has to be {name!r}, as in the address")])
    now = tx.execute(_versions().where(job_types.c.name == name, _NEWEST)).one()
    if _spelled(now.definition) == _spelled(kind.canonical()):
        return _view(now)
    return _keep(tx, kind, row.version + 1, actor)


def delete(tx: Connection, name: str, actor: str) -> None:
    """Take a type away; its jobs stay, and go on. NotFound when there is none."""
    _alive(tx, name, lock=True)
    tx.execute(update(job_types).where(job_types.c.name == name).values(deleted_at=func.now()))
    audit(tx, actor, "job-type.delete", name)


def read_type(tx: Connection, name: str) -> JobTypeVersion:
    """The newest version; NotFound when there is no such type."""
    _alive(tx, name)
    return _view(tx.execute(_versions().where(job_types.c.name == name, _NEWEST)).one())


def version_of(tx: Connection, job: Row[Any]) -> JobType:
    """The type of an edit job, at the version that it keeps to; a row of ``edit_jobs``."""
    c = job_type_versions.c
    query = select(c.definition).where(c.job_type == job.job_type, c.version == job.job_type_version)
    return JobType.model_validate(tx.execute(query).scalar_one())


def list_types(tx: Connection, limit: int, cursor: str | None = None) -> Page[JobTypeVersion]:
    """The newest version of every type, by name."""
    return page_by(tx, _versions().where(_NEWEST), job_type_versions.c.job_type, limit, cursor, _view)


def list_versions(tx: Connection, name: str, limit: int, cursor: str | None = None) -> Page[JobTypeVersion]:
    """Every version of a type, the newest first; NotFound when there is no such type."""
    _alive(tx, name)
    query = _versions().where(job_types.c.name == name)
    return page_by(tx, query, job_type_versions.c.version, limit, cursor, _view, falling=True)


def _versions() -> Select[Any]:
    return select(job_type_versions).join(job_types, job_types.c.name == job_type_versions.c.job_type)


def _alive(tx: Connection, name: str, *, lock: bool = False) -> Row[Any]:
    query = select(job_types).where(job_types.c.name == name, job_types.c.deleted_at.is_(None))
    row = tx.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"there is no job type {name!r}")
    return row


def _checked(tx: Connection, document: object) -> JobType:
    kind = read_storable(JobType, document, _REFUSAL)
    if faults := [*schema_faults(kind.attributes_schema, "$.attributes_schema"), *_step_faults(tx, kind)]:
        raise Invalid(_REFUSAL, faults[:MOST])
    if kind.reviewers is not None:
        ensure_groups(tx, [kind.reviewers])
    return kind


def _step_faults(tx: Connection, kind: JobType) -> Iterator[Fault]:
    """What would keep the workflows of its steps from being submitted now, for a job like any."""
    for name, step in kind.steps.items():
        if step is None:
            continue
        where = inside("$.steps", name)
        try:
            read_order(tx, step_order(tx, step, specimen()))
        except Invalid as wrong:
            yield from (Fault(where + fault.place.removeprefix("$"), fault.reason) for fault in wrong.faults)
        except Refused as refused:
            yield Fault(f"{where}.workflow", refused.detail)


def _keep(tx: Connection, kind: JobType, version: int, actor: str) -> JobTypeVersion:
    """Write a version and make it the newest; the type's row is locked."""
    values = {"job_type": kind.name, "version": version, "definition": kind.canonical(), "created_by": actor}
    kept = tx.execute(insert(job_type_versions).values(values).returning(job_type_versions)).one()
    newest = {"version": version, "updated_at": func.now(), "deleted_at": None}
    tx.execute(update(job_types).where(job_types.c.name == kind.name).values(newest))
    audit(tx, actor, "job-type.define", kind.name, detail={"version": version})
    return _view(kept)


def _view(row: Row[Any]) -> JobTypeVersion:
    return JobTypeVersion.model_validate(
        {**row.definition, "version": row.version, "created_by": row.created_by, "created_at": row.created_at}
    )


def _spelled(definition: object) -> bytes:
    """For comparing: to Python, 1 and true are the same."""
    return msgspec.json.encode(definition, order="deterministic")
