"""The audit: who did what to what, and who was turned away."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from orchestrator.api.requires import Db, PageQuery, needs
from orchestrator.contracts import views
from orchestrator.contracts.moment import Moment
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries.audit import AuditFilter, list_audit
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["audit"])
_Several = Field(default_factory=list[str], max_length=100)


class AuditQuery(PageQuery):
    """Which entries: those that match one value of every filter that has any."""

    actor: list[str] = _Several
    action: list[str] = Field(default_factory=list[str], max_length=100, examples=[["key.create", "request.denied"]])
    subject: list[str] = Field(default_factory=list[str], max_length=100, examples=[["key 7"]])
    after: Moment | None = None
    before: Moment | None = None


@router.get("/audit", dependencies=[needs(Permission.AUDIT)], summary="Who did what to what, the newest first")
def read_audit(engine: Db, query: Annotated[AuditQuery, Query()]) -> views.Page[views.AuditEntry]:
    """Every privileged change, and every request that was turned away (`request.denied`), as far as they are kept."""
    wanted = AuditFilter(**query.model_dump(exclude={"limit", "cursor"}))
    with snapshot(engine) as tx:
        return list_audit(tx, wanted, query.limit, query.cursor)
