"""API keys: listed, made (shown this once) and revoked."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from orchestrator.api.callers import Callers
from orchestrator.api.requires import Db, NoQuery, PageQuery, Text, needs
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission, Role
from orchestrator.services.keys import make_key, revoke_key
from orchestrator.storage.queries.keys import list_keys as read_keys
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["keys"])
_KEYS = [needs(Permission.KEYS)]


class KeyRequest(BaseModel):
    """A key that is to be made."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"user": "admin", "label": "dashboard", "roles": ["viewer"]}]}
    )

    user: Text
    label: Text | None = None
    roles: list[Role] | None = Field(None, max_length=10, description="of the user's; absent: all of them")
    expires_at: AwareDatetime | None = None
    site: Text | None = Field(None, description="it reaches this site only")


@router.get("/keys", dependencies=_KEYS, summary="List API keys, the newest first")
def list_keys(engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.Key]:
    """The keys themselves are not kept, and so not shown."""
    with snapshot(engine) as tx:
        return read_keys(tx, query.limit, query.cursor)


@router.post("/keys", dependencies=_KEYS, status_code=201, summary="Make an API key")
def create_key(asked: KeyRequest, engine: Db, _query: NoQuery) -> views.NewKey:
    """The answer is the only place where the key is shown."""
    with engine.begin() as tx:
        made = make_key(tx, asked.user, asked.label, asked.roles, asked.expires_at, asked.site)
    return views.NewKey(id=made.id, key=made.plain)


@router.delete("/keys/{key_id}", dependencies=_KEYS, status_code=204, summary="Revoke an API key")
def delete_key(
    key_id: Annotated[int, Path(ge=1, le=2**63 - 1)],
    request: Request,
    engine: Db,
    _query: NoQuery,
) -> None:
    """It is refused here at once and everywhere within 5 s; again is no error."""
    with engine.begin() as tx:
        revoke_key(tx, key_id)
    callers: Callers = request.app.state.callers
    callers.forget()
