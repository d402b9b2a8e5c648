"""Defining workflows: every version stays as it was written; the newest is the one that new jobs take."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

from sqlalchemy import Connection, Row

from orchestrator.contracts.views import Page, WorkflowChange, WorkflowDifference
from orchestrator.contracts.workflow import Workflow, WorkflowVersion
from orchestrator.domain.difference import differences
from orchestrator.domain.fields import reference
from orchestrator.errors import Fault, Invalid
from orchestrator.services.check import checked
from orchestrator.services.users import ensure_groups
from orchestrator.services.versions import Versions, same, shown
from orchestrator.storage.tables import workflow_versions, workflows

SHIPPER = "orchestrator"
"""Who makes the versions that come with the program."""

RESERVED = frozenset({"schema"})
"""Names below /workflows that are something else."""

_NAME = re.compile(r"[a-z0-9_-]{1,100}")
_WORKFLOWS = Versions("workflow", workflows, workflow_versions, workflow_versions.c.workflow)


def locked_version(tx: Connection, name: str) -> int:
    """The newest version, locked until the end of the transaction; NotFound when there is no such workflow."""
    return _WORKFLOWS.head(tx, name, lock=True).version


def create(tx: Connection, document: object, actor: str) -> WorkflowVersion:
    """Keep a new workflow; Conflict when there is one of this name, Invalid when it could not run.

    A name that was deleted may be used again, and so may one that ships, until somebody has: its versions are counted
    on.
    """
    name = _name_in(document)
    if name is not None and _WORKFLOWS.find(tx, name) is not None and not _is_as_shipped(tx, name):
        raise _WORKFLOWS.taken(name)  # comes before whatever else is wrong
    workflow = checked(tx, document)
    if workflow.name in RESERVED:
        raise Invalid("the workflow can not be taken", [Fault("$.name", f"{workflow.name!r} is an address of the API")])
    version = _WORKFLOWS.number(tx, workflow.name, lambda: _is_as_shipped(tx, workflow.name))
    return _keep(tx, workflow, version, actor)


def change(tx: Connection, name: str, document: object, actor: str) -> WorkflowVersion:
    """Keep a new version; the same definition again is none. It need not repeat the name, but not say another.

    NotFound when there is no such workflow, Invalid when it could not run.
    """
    row = _WORKFLOWS.head(tx, name, lock=True)
    workflow = checked(tx, _named(name, document))
    now = _WORKFLOWS.newest(tx, name)
    if same(now.definition, workflow.canonical()):
        return _view(now)
    return _keep(tx, workflow, row.version + 1, actor)


def keep_instead(tx: Connection, name: str, made_of: Callable[[Workflow], Workflow], actor: str) -> WorkflowVersion:
    """Keep as a new version what is made of the newest, where that is another; NotFound when there is none.

    Sites are not asked: what is made of one that could run can.
    """
    row = _WORKFLOWS.head(tx, name, lock=True)
    now = _WORKFLOWS.newest(tx, name)
    workflow = made_of(Workflow.model_validate(now.definition))
    if same(now.definition, workflow.canonical()):
        return _view(now)
    return _keep(tx, workflow, row.version + 1, actor)


def keep_shipped(tx: Connection, workflow: Workflow) -> bool:
    """Keep a workflow that comes with the program, or its new version; False when there is nothing to keep.

    What was last changed by somebody stays, and so does one that was deleted. Sites are not asked: there may be none
    yet.
    """
    if _WORKFLOWS.begin(tx, workflow.name):
        _keep(tx, workflow, 1, SHIPPER)
        return True
    row = _WORKFLOWS.find(tx, workflow.name, lock=True)
    if row is None:
        return False
    now = _WORKFLOWS.newest(tx, workflow.name)
    if now.created_by != SHIPPER or same(now.definition, workflow.canonical()):
        return False
    _keep(tx, workflow, row.version + 1, SHIPPER)
    return True


def delete(tx: Connection, name: str, actor: str) -> None:
    """Take a workflow away; its jobs stay, and go on. NotFound when there is none."""
    _WORKFLOWS.delete(tx, name, actor)


def read_workflow(tx: Connection, name: str) -> WorkflowVersion:
    """The newest version; NotFound when there is no such workflow."""
    return _view(_WORKFLOWS.newest(tx, name))


def read_version(tx: Connection, name: str, version: int) -> WorkflowVersion:
    """One version; NotFound when there is no such workflow, or it has no such version."""
    return _view(_WORKFLOWS.at(tx, name, version))


def compare(tx: Connection, name: str, before: int | None, after: int | None) -> WorkflowDifference:
    """What two versions say differently: the newest one and the one before it, unless others are named.

    NotFound when there is no such workflow, or it has no such version.
    """
    to: int = _WORKFLOWS.head(tx, name).version if after is None else after
    from_ = max(to - 1, 1) if before is None else before
    old, new = (_WORKFLOWS.at(tx, name, version).definition for version in (from_, to))
    changes = [WorkflowChange(**asdict(one)) for one in differences(old, new)]
    return WorkflowDifference(name=name, from_=from_, to=to, changes=changes)


def list_workflows(tx: Connection, limit: int, cursor: str | None = None) -> Page[WorkflowVersion]:
    """The newest version of every workflow, by name."""
    return _WORKFLOWS.list_newest(tx, limit, cursor, _view)


def list_versions(tx: Connection, name: str, limit: int, cursor: str | None = None) -> Page[WorkflowVersion]:
    """Every version of a workflow, the newest first; NotFound when there is no such workflow."""
    return _WORKFLOWS.list_all(tx, name, limit, cursor, _view)


def _is_as_shipped(tx: Connection, name: str) -> bool:
    return _WORKFLOWS.find(tx, name) is not None and _WORKFLOWS.newest(tx, name).created_by == SHIPPER


def _keep(tx: Connection, workflow: Workflow, version: int, actor: str) -> WorkflowVersion:
    named = (action.group for rule in workflow.filter_rules for action in rule.action)
    ensure_groups(tx, [group for group in named if group is not None and reference(group) is None])
    return _view(_WORKFLOWS.keep(tx, workflow.name, version, workflow.canonical(), actor))


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
    return WorkflowVersion.model_validate(shown(row))
