"""Defining workflows: every version stays as it was written; the newest is the one that new jobs take."""

import re
from dataclasses import asdict
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from orchestrator.contracts.views import Page, WorkflowChange, WorkflowDifference
from orchestrator.contracts.workflow import Workflow, WorkflowVersion
from orchestrator.domain.difference import differences
from orchestrator.domain.fields import reference
from orchestrator.errors import Conflict, Fault, Invalid, NotFound
from orchestrator.services.check import checked
from orchestrator.services.users import ensure_groups
from orchestrator.storage.audit import audit
from orchestrator.storage.queries.keyset import decode, page
from orchestrator.storage.tables import workflow_versions, workflows

SHIPPER = "orchestrator"
"""Who makes the versions that come with the program."""

RESERVED = frozenset({"schema"})
"""Names below /workflows that are something else."""

_NAME = re.compile(r"[a-z0-9_-]{1,100}")
_NEWEST = (workflow_versions.c.version == workflows.c.version) & workflows.c.deleted_at.is_(None)


def locked_version(tx: Connection, name: str) -> int:
    """The newest version, locked until the end of the transaction; NotFound when there is no such workflow."""
    row = _alive(tx, name, lock=True)
    if row is None:
        raise _missing(name)
    return row.version


def create(tx: Connection, document: object, actor: str) -> WorkflowVersion:
    """Keep a new workflow; Conflict when there is one of this name, Invalid when it could not run.

    A name that was deleted may be used again, and so may one that ships, until somebody has: its versions are counted
    on.
    """
    name = _name_in(document)
    if name is not None and _alive(tx, name) is not None and not _is_as_shipped(tx, name):
        raise _taken(name)  # comes before whatever else is wrong
    workflow = checked(tx, document)
    if workflow.name in RESERVED:
        raise Invalid("the workflow can not be taken", [Fault("$.name", f"{workflow.name!r} is an address of the API")])
    new = insert_or_not(workflows).values(name=workflow.name, version=1).on_conflict_do_nothing()
    version = 1
    if tx.scalar(new.returning(workflows.c.version)) is None:
        row = tx.execute(select(workflows).where(workflows.c.name == workflow.name).with_for_update()).one()
        if row.deleted_at is None and not _is_as_shipped(tx, workflow.name):
            raise _taken(workflow.name)
        version = row.version + 1
    return _keep(tx, workflow, version, actor)


def change(tx: Connection, name: str, document: object, actor: str) -> WorkflowVersion:
    """Keep a new version; the same definition again is none. It need not repeat the name, but not say another.

    NotFound when there is no such workflow, Invalid when it could not run.
    """
    row = _alive(tx, name, lock=True)
    if row is None:
        raise _missing(name)
    workflow = checked(tx, _named(name, document))
    now = tx.execute(_versions().where(workflows.c.name == name, _NEWEST)).one()
    if _spelled(now.definition) == _spelled(workflow.canonical()):
        return _view(now)
    return _keep(tx, workflow, row.version + 1, actor)


def keep_shipped(tx: Connection, workflow: Workflow) -> bool:
    """Keep a workflow that comes with the program, or its new version; False when there is nothing to keep.

    What was last changed by somebody stays, and so does one that was deleted. Sites are not asked: there may be none
    yet.
    """
    new = insert_or_not(workflows).values(name=workflow.name, version=1).on_conflict_do_nothing()
    if tx.scalar(new.returning(workflows.c.version)) is not None:
        _keep(tx, workflow, 1, SHIPPER)
        return True
    row = _alive(tx, workflow.name, lock=True)
    if row is None:
        return False
    now = tx.execute(_versions().where(workflows.c.name == workflow.name, _NEWEST)).one()
    if now.created_by != SHIPPER or _spelled(now.definition) == _spelled(workflow.canonical()):
        return False
    _keep(tx, workflow, row.version + 1, SHIPPER)
    return True


def delete(tx: Connection, name: str, actor: str) -> None:
    """Take a workflow away; its jobs stay, and go on. NotFound when there is none."""
    row = _alive(tx, name, lock=True)
    if row is None:
        raise _missing(name)
    tx.execute(update(workflows).where(workflows.c.name == name).values(deleted_at=func.now()))
    audit(tx, actor, "workflow.delete", name)


def read_workflow(tx: Connection, name: str) -> WorkflowVersion:
    """The newest version; NotFound when there is no such workflow."""
    row = tx.execute(_versions().where(workflows.c.name == name, _NEWEST)).one_or_none()
    if row is None:
        raise _missing(name)
    return _view(row)


def read_version(tx: Connection, name: str, version: int) -> WorkflowVersion:
    """One version; NotFound when there is no such workflow, or it has no such version."""
    return _view(_version(tx, name, version))


def compare(tx: Connection, name: str, before: int | None, after: int | None) -> WorkflowDifference:
    """What two versions say differently: the newest one and the one before it, unless others are named.

    NotFound when there is no such workflow, or it has no such version.
    """
    row = _alive(tx, name)
    if row is None:
        raise _missing(name)
    to: int = row.version if after is None else after
    from_ = max(to - 1, 1) if before is None else before
    old, new = (_version(tx, name, version).definition for version in (from_, to))
    changes = [WorkflowChange(**asdict(one)) for one in differences(old, new)]
    return WorkflowDifference(name=name, from_=from_, to=to, changes=changes)


def list_workflows(tx: Connection, limit: int, cursor: str | None = None) -> Page[WorkflowVersion]:
    """The newest version of every workflow, by name."""
    query = _versions().where(_NEWEST).order_by(workflows.c.name)
    if cursor is not None:
        query = query.where(workflows.c.name > decode(cursor, str)[0])
    return page(tx, query, limit, _view, lambda row: [row.workflow])


def list_versions(tx: Connection, name: str, limit: int, cursor: str | None = None) -> Page[WorkflowVersion]:
    """Every version of a workflow, the newest first; NotFound when there is no such workflow."""
    if _alive(tx, name) is None:
        raise _missing(name)
    query = _versions().where(workflows.c.name == name).order_by(workflow_versions.c.version.desc())
    if cursor is not None:
        query = query.where(workflow_versions.c.version < decode(cursor, int)[0])
    return page(tx, query, limit, _view, lambda row: [row.version])


def _versions() -> Select[Any]:
    return select(workflow_versions).join(workflows, workflows.c.name == workflow_versions.c.workflow)


def _version(tx: Connection, name: str, version: int) -> Row[Any]:
    if _alive(tx, name) is None:
        raise _missing(name)
    query = _versions().where(workflows.c.name == name, workflow_versions.c.version == version)
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"the workflow {name!r} has no version {version}")
    return row


def _alive(tx: Connection, name: str, *, lock: bool = False) -> Row[Any] | None:
    query = select(workflows).where(workflows.c.name == name, workflows.c.deleted_at.is_(None))
    return tx.execute(query.with_for_update() if lock else query).one_or_none()


def _is_as_shipped(tx: Connection, name: str) -> bool:
    made_by = select(workflow_versions.c.created_by).join(workflows, workflows.c.name == workflow_versions.c.workflow)
    return tx.scalar(made_by.where(workflows.c.name == name, _NEWEST)) == SHIPPER


def _keep(tx: Connection, workflow: Workflow, version: int, actor: str) -> WorkflowVersion:
    """Write a version and make it the newest; the workflow's row is locked."""
    values = {"workflow": workflow.name, "version": version, "definition": workflow.canonical(), "created_by": actor}
    named = (action.group for rule in workflow.filter_rules for action in rule.action)
    ensure_groups(tx, [group for group in named if group is not None and reference(group) is None])
    kept = tx.execute(insert(workflow_versions).values(values).returning(workflow_versions)).one()
    tx.execute(
        update(workflows)
        .where(workflows.c.name == workflow.name)
        .values(version=version, updated_at=func.now(), deleted_at=None)
    )
    audit(tx, actor, "workflow.define", workflow.name, detail={"version": version})
    return _view(kept)


def _name_in(document: object) -> str | None:
    """The name in a document that has not been checked, if it could be one."""
    name = cast(dict[str, object], document).get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def _named(name: str, document: object) -> object:
    """The document with its name; Invalid when it says another."""
    if not isinstance(document, dict):
        return document
    named = {"name": name, **cast(dict[str, Any], document)}
    if named["name"] != name:
        raise Invalid("the workflow can not be taken", [Fault("$.name", f"has to be {name!r}, as in the address")])
    return named


def _view(row: Row[Any]) -> WorkflowVersion:
    return WorkflowVersion.model_validate(
        {**row.definition, "version": row.version, "created_by": row.created_by, "created_at": row.created_at}
    )


def _spelled(definition: object) -> bytes:
    """For comparing: to Python, 1 and true are the same."""
    return msgspec.json.encode(definition, order="deterministic")


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a workflow {name!r} already; PUT makes a new version of it")


def _missing(name: str) -> NotFound:
    return NotFound(f"there is no workflow {name!r}")
