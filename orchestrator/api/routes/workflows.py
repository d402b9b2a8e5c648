"""Workflows: defining them, looking at them, checking one without keeping it."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from orchestrator.api.bodies import JSON, YAML, RawBody, taking
from orchestrator.api.requires import Db, NoQuery, PageQuery, Who, needs
from orchestrator.contracts.views import Page, Wrong
from orchestrator.contracts.workflow import Workflow, WorkflowVersion
from orchestrator.domain.roles import Permission
from orchestrator.errors import Invalid
from orchestrator.services import define
from orchestrator.services.check import checked
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["workflows"])

_TAKES = taking(Workflow, JSON, YAML)
_READS, _WRITES = [needs(Permission.READ)], [needs(Permission.DEFINE)]


class Verdict(BaseModel):
    """Whether a definition could be used as it is, and what is in the way."""

    valid: bool
    errors: list[Wrong]


_Page = Annotated[PageQuery, Query()]


@router.post("/workflows", status_code=201, dependencies=_WRITES, openapi_extra=_TAKES)
def create_workflow(db: Db, who: Who, body: RawBody, response: Response, _query: NoQuery) -> WorkflowVersion:
    """Define a workflow, in JSON or YAML. 409 when there is one of this name: PUT makes a new version of it."""
    with db.begin() as tx:
        made = define.create(tx, body.document(), who.user)
    response.headers["Location"] = f"/api/v1/workflows/{made.name}"
    return made


@router.get("/workflows", dependencies=_READS)
def list_workflows(db: Db, query: _Page) -> Page[WorkflowVersion]:
    """Every workflow at its newest version, by name."""
    with snapshot(db) as tx:
        return define.list_workflows(tx, query.limit, query.cursor)


@router.post("/workflows/validate", dependencies=_READS, openapi_extra=_TAKES)
def validate_workflow(db: Db, body: RawBody, _query: NoQuery) -> Verdict:
    """Check a definition as defining it would, and keep nothing. 200 either way."""
    try:
        with snapshot(db) as tx:
            checked(tx, body.document())
    except Invalid as error:
        return Verdict(valid=False, errors=[Wrong(place=fault.place, reason=fault.reason) for fault in error.faults])
    return Verdict(valid=True, errors=[])


@router.get("/workflows/{name}", dependencies=_READS)
def get_workflow(db: Db, name: str, _query: NoQuery) -> WorkflowVersion:
    """A workflow at its newest version."""
    with snapshot(db) as tx:
        return define.read_workflow(tx, name)


@router.put("/workflows/{name}", dependencies=_WRITES, openapi_extra=_TAKES)
def change_workflow(db: Db, who: Who, name: str, body: RawBody, _query: NoQuery) -> WorkflowVersion:
    """Make a new version; the definition that it has already makes none. Jobs keep the version they began with."""
    with db.begin() as tx:
        define.read_workflow(tx, name)  # 404 comes before what is wrong with the body
        return define.change(tx, name, body.document(), who.user)


@router.delete("/workflows/{name}", status_code=204, dependencies=_WRITES)
def delete_workflow(db: Db, who: Who, name: str, _query: NoQuery) -> None:
    """Take a workflow away. Its jobs stay, and those that run go on."""
    with db.begin() as tx:
        define.delete(tx, name, who.user)


@router.get("/workflows/{name}/versions", dependencies=_READS)
def list_versions(db: Db, name: str, query: _Page) -> Page[WorkflowVersion]:
    """Every version of a workflow, the newest first."""
    with snapshot(db) as tx:
        return define.list_versions(tx, name, query.limit, query.cursor)
