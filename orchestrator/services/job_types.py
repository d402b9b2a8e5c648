"""Types of edit jobs: every version stays as it was written; the newest is the one that new jobs take."""

from collections.abc import Iterator
from typing import Any, cast

from sqlalchemy import Connection, Row, select

from orchestrator.contracts.faults import MOST, read_storable
from orchestrator.contracts.job_type import JobType, JobTypeVersion
from orchestrator.contracts.views import Page
from orchestrator.domain.place import inside
from orchestrator.errors import Fault, Invalid
from orchestrator.services.attributes import schema_faults
from orchestrator.services.order import order_faults
from orchestrator.services.step_order import specimen, step_order
from orchestrator.services.users import ensure_groups
from orchestrator.services.versions import Versions, same, shown
from orchestrator.storage.tables import job_type_versions, job_types

_REFUSAL = "the job type can not be taken"
_TYPES = Versions("job type", job_types, job_type_versions, job_type_versions.c.job_type)


def locked_version(tx: Connection, name: str) -> int:
    """The newest version, locked until the end of the transaction; NotFound when there is no such type."""
    return _TYPES.head(tx, name, lock=True).version


def create(tx: Connection, document: object, actor: str) -> JobTypeVersion:
    """Keep a new type; Conflict when there is one of this name, Invalid when its steps could not run.

    A name that was deleted may be used again: its versions are counted on.
    """
    kind = _checked(tx, document)
    return _keep(tx, kind, _TYPES.number(tx, kind.name), actor)


def change(tx: Connection, name: str, document: object, actor: str) -> JobTypeVersion:
    """Keep a new version; the same definition again is none. NotFound, or Invalid as ``create``.

    It need not repeat the name, but not say another.
    """
    row = _TYPES.head(tx, name, lock=True)
    if isinstance(document, dict):
        document = {"name": name, **cast(dict[str, Any], document)}
    kind = _checked(tx, document)
    if kind.name != name:
        raise Invalid(_REFUSAL, [Fault("$.name", f"has to be {name!r}, as in the address")])
    now = _TYPES.newest(tx, name)
    if same(now.definition, kind.canonical()):
        return _view(now)
    return _keep(tx, kind, row.version + 1, actor)


def delete(tx: Connection, name: str, actor: str) -> None:
    """Take a type away; its jobs stay, and go on. NotFound when there is none."""
    _TYPES.delete(tx, name, actor)


def read_type(tx: Connection, name: str) -> JobTypeVersion:
    """The newest version; NotFound when there is no such type."""
    return _view(_TYPES.newest(tx, name))


def version_of(tx: Connection, job: Row[Any]) -> JobType:
    """The type of an edit job, at the version that it keeps to; a row of ``edit_jobs``."""
    c = job_type_versions.c
    query = select(c.definition).where(c.job_type == job.job_type, c.version == job.job_type_version)
    return JobType.model_validate(tx.execute(query).scalar_one())


def list_types(tx: Connection, limit: int, cursor: str | None = None) -> Page[JobTypeVersion]:
    """The newest version of every type, by name."""
    return _TYPES.list_newest(tx, limit, cursor, _view)


def list_versions(tx: Connection, name: str, limit: int, cursor: str | None = None) -> Page[JobTypeVersion]:
    """Every version of a type, the newest first; NotFound when there is no such type."""
    return _TYPES.list_all(tx, name, limit, cursor, _view)


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
        if step is not None:
            yield from order_faults(tx, step_order(tx, step, specimen()), inside("$.steps", name))


def _keep(tx: Connection, kind: JobType, version: int, actor: str) -> JobTypeVersion:
    return _view(_TYPES.keep(tx, kind.name, version, kind.canonical(), actor))


def _view(row: Row[Any]) -> JobTypeVersion:
    return JobTypeVersion.model_validate(shown(row))
