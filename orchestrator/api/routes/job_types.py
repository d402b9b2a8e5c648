"""Types of edit jobs: defining them, and looking at them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from orchestrator.api.bodies import JSON, YAML, RawBody, taking
from orchestrator.api.etags import IfMatch, Tagged
from orchestrator.api.idempotency import Once
from orchestrator.api.requires import Db, NoQuery, PageQuery, Who, needs
from orchestrator.contracts.job_type import JobType, JobTypeVersion
from orchestrator.contracts.views import Page
from orchestrator.domain.roles import Permission
from orchestrator.services import job_types
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["job types"])

_TAKES = taking(JobType, JSON, YAML)
_READS, _WRITES = [needs(Permission.READ)], [needs(Permission.PLAN)]
_Page = Annotated[PageQuery, Query()]


@router.post("/job-types", status_code=201, dependencies=_WRITES, openapi_extra=_TAKES)
def create_job_type(
    db: Db, who: Who, body: RawBody, once: Once, tagged: Tagged, response: Response, _query: NoQuery
) -> JobTypeVersion:
    """Define a type, in JSON or YAML. 409 when there is one of this name: PUT makes a new version of it."""
    with db.begin() as tx:
        name = once.make(tx, lambda: job_types.create(tx, body.document(), who.user).name)
        made = job_types.read_type(tx, name)
    response.headers["Location"] = f"/api/v1/job-types/{made.name}"
    tagged.tell(made.version)
    return made


@router.get("/job-types", dependencies=_READS)
def list_job_types(db: Db, query: _Page) -> Page[JobTypeVersion]:
    """Every type at its newest version, by name."""
    with snapshot(db) as tx:
        return job_types.list_types(tx, query.limit, query.cursor)


@router.get("/job-types/{name}", dependencies=_READS)
def get_job_type(db: Db, name: str, tagged: Tagged, _query: NoQuery) -> JobTypeVersion:
    """A type at its newest version; `ETag` names it."""
    with snapshot(db) as tx:
        found = job_types.read_type(tx, name)
    tagged.tell(found.version)
    return found


@router.put("/job-types/{name}", dependencies=_WRITES, openapi_extra=_TAKES)
def change_job_type(db: Db, who: Who, name: str, body: RawBody, if_match: IfMatch, _query: NoQuery) -> JobTypeVersion:
    """Make a new version; the definition that it has already makes none. Jobs keep the version they began with."""
    with db.begin() as tx:
        if_match.must_be(job_types.locked_version(tx, name))  # 404 and 412 come before what is wrong with the body
        changed = job_types.change(tx, name, body.document(), who.user)
    if_match.tell(changed.version)
    return changed


@router.delete("/job-types/{name}", status_code=204, dependencies=_WRITES)
def delete_job_type(db: Db, who: Who, name: str, if_match: IfMatch, _query: NoQuery) -> None:
    """Take a type away. Its jobs stay, and go on."""
    with db.begin() as tx:
        if_match.must_be(job_types.locked_version(tx, name))
        job_types.delete(tx, name, who.user)


@router.get("/job-types/{name}/versions", dependencies=_READS)
def list_job_type_versions(db: Db, name: str, query: _Page) -> Page[JobTypeVersion]:
    """Every version of a type, the newest first."""
    with snapshot(db) as tx:
        return job_types.list_versions(tx, name, query.limit, query.cursor)
