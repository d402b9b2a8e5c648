"""Workflows: defining them, looking at them, checking one without keeping it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from orchestrator.api.bodies import JSON, YAML, RawBody, taking
from orchestrator.api.etags import IfMatch, Tagged
from orchestrator.api.idempotency import Once
from orchestrator.api.requires import Db, NoQuery, PageQuery, StrictQuery, Who, needs
from orchestrator.contracts.views import Page, Verdict, WorkflowDifference, Wrong
from orchestrator.contracts.workflow import Workflow, WorkflowVersion
from orchestrator.contracts.workflow_schema import workflow_schema
from orchestrator.domain.roles import Permission
from orchestrator.errors import Invalid
from orchestrator.services import define
from orchestrator.services.check import checked
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["workflows"])

VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="the number of the version")]
_TAKES = taking(Workflow, JSON, YAML)
_READS, _WRITES = [needs(Permission.READ)], [needs(Permission.DEFINE)]


class DifferenceQuery(StrictQuery):
    """Which versions."""

    from_: VersionNumber | None = Field(None, alias="from", description="the earlier; else the one before `to`")
    to: VersionNumber | None = Field(None, description="the later; else the newest")


_Page = Annotated[PageQuery, Query()]


@router.post("/workflows", status_code=201, dependencies=_WRITES, openapi_extra=_TAKES)
def create_workflow(
    db: Db, who: Who, body: RawBody, once: Once, tagged: Tagged, response: Response, _query: NoQuery
) -> WorkflowVersion:
    """Define a workflow, in JSON or YAML. 409 when there is one of this name: PUT makes a new version of it."""
    with db.begin() as tx:
        name = once.make(tx, lambda: define.create(tx, body.document(), who.user).name)
        made = define.read_workflow(tx, name)
    response.headers["Location"] = f"/api/v1/workflows/{made.name}"
    tagged.tell(made.version)
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


@router.get("/workflows/schema", dependencies=_READS)
def get_schema(_query: NoQuery) -> dict[str, Any]:
    """The JSON Schema of a definition, for editors."""
    return workflow_schema()


@router.get("/workflows/{name}", dependencies=_READS)
def get_workflow(db: Db, name: str, tagged: Tagged, _query: NoQuery) -> WorkflowVersion:
    """A workflow at its newest version; `ETag` names it."""
    with snapshot(db) as tx:
        found = define.read_workflow(tx, name)
    tagged.tell(found.version)
    return found


@router.put("/workflows/{name}", dependencies=_WRITES, openapi_extra=_TAKES)
def change_workflow(db: Db, who: Who, name: str, body: RawBody, if_match: IfMatch, _query: NoQuery) -> WorkflowVersion:
    """Make a new version; the definition that it has already makes none. Jobs keep the version they began with."""
    with db.begin() as tx:
        if_match.must_be(define.locked_version(tx, name))  # 404 and 412 come before what is wrong with the body
        changed = define.change(tx, name, body.document(), who.user)
    if_match.tell(changed.version)
    return changed


@router.delete("/workflows/{name}", status_code=204, dependencies=_WRITES)
def delete_workflow(db: Db, who: Who, name: str, if_match: IfMatch, _query: NoQuery) -> None:
    """Take a workflow away. Its jobs stay, and those that run go on."""
    with db.begin() as tx:
        if_match.must_be(define.locked_version(tx, name))
        define.delete(tx, name, who.user)


@router.get("/workflows/{name}/versions", dependencies=_READS)
def list_versions(db: Db, name: str, query: _Page) -> Page[WorkflowVersion]:
    """Every version of a workflow, the newest first."""
    with snapshot(db) as tx:
        return define.list_versions(tx, name, query.limit, query.cursor)


@router.get("/workflows/{name}/versions/{version}", dependencies=_READS)
def get_version(db: Db, name: str, version: Version, _query: NoQuery) -> WorkflowVersion:
    """A workflow as it was at one version."""
    with snapshot(db) as tx:
        return define.read_version(tx, name, version)


@router.get("/workflows/{name}/diff", dependencies=_READS, summary="What two versions say differently")
def compare_versions(db: Db, name: str, query: Annotated[DifferenceQuery, Query()]) -> WorkflowDifference:
    """Place by place; the newest and the one before it, unless others are named."""
    with snapshot(db) as tx:
        return define.compare(tx, name, query.from_, query.to)
