"""What went wrong: failures that are alike, of a job and of all, and what the failed paths of a job share."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field, StringConstraints

from orchestrator.api.requires import Db, PageQuery, StrictQuery, needs
from orchestrator.api.routes.jobs import KnownJob
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries.errors import Where, list_errors, list_seen
from orchestrator.storage.queries.shared import read_shared
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["errors"])
_READ = [needs(Permission.READ)]
_SINCE = timedelta(days=7)

Print = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
_Prints = Field(default_factory=list[Print], max_length=100, description="only what failed so; repeatable")
_Several = Field(default_factory=list[str], max_length=100)


class SharedQuery(StrictQuery):
    """Which of the failed paths."""

    fingerprint: list[Print] = _Prints


class SeenQuery(PageQuery):
    """Which failures: those that match one value of every filter that has any."""

    since: AwareDatetime | None = Field(None, description="seen after that; 7 days ago where nothing is said")
    until: AwareDatetime | None = Field(None, description="seen for the first time before that")
    workflow: list[str] = _Several
    site: list[str] = Field(default_factory=list[str], max_length=100, description="where the step was done")
    fingerprint: list[Print] = _Prints


@router.get("/jobs/{job_id}/errors", dependencies=_READ, summary="A job's failures, grouped by likeness")
def list_job_errors(job_id: KnownJob, engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.ErrorGroup]:
    """Those with the most paths first."""
    with snapshot(engine) as tx:
        return list_errors(tx, job_id, query.limit, query.cursor)


@router.get("/jobs/{job_id}/errors/shared", dependencies=_READ, summary="What a job's failed paths share")
def read_what_is_shared(job_id: KnownJob, engine: Db, query: Annotated[SharedQuery, Query()]) -> views.WhatIsShared:
    """How many of those that failed have it, beside how many of all: a site, step, worker, host, extension, folder ...

    What sets them most apart comes first. Of large jobs a part is looked at, and `sampled` says so.
    """
    with snapshot(engine) as tx:
        return read_shared(tx, job_id, query.fingerprint)


@router.get("/errors", dependencies=_READ, summary="Failures across jobs, grouped by likeness")
def list_all_errors(engine: Db, query: Annotated[SeenQuery, Query()]) -> views.Page[views.ErrorSeen]:
    """Those with the most paths first, with when they were first and last seen, and in which jobs.

    The newest 100,000 groups of single jobs are put together.
    """
    named = {name: getattr(query, name) or None for name in ("workflow", "site", "fingerprint")}
    where = Where(since=query.since or datetime.now(UTC) - _SINCE, until=query.until, **named)
    with snapshot(engine) as tx:
        return list_seen(tx, where, query.limit, query.cursor)
