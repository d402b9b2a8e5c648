"""API keys: listed, made (shown this once), rotated and revoked."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.callers import Callers
from orchestrator.api.idempotency import Maker, Once
from orchestrator.api.requires import Db, NoQuery, PageQuery, Text, Who, needs
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission, Role
from orchestrator.errors import Conflict
from orchestrator.services.keys import NewKey, make_key, revoke_key, rotate_key
from orchestrator.storage.queries import keys
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["keys"])
_KEYS = [needs(Permission.KEYS)]
_DAY_S = 24 * 3600.0
KeyId = Annotated[int, Path(ge=1, le=2**63 - 1, description="the key's id")]


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
    workflow: Text | None = Field(None, description="it reaches the jobs of this workflow only")


class Rotation(BaseModel):
    """How a key gives way to a new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_s": 3600}]})

    overlap_s: float = Field(_DAY_S, ge=0, le=90 * _DAY_S, description="so long the old one still works, in seconds")
    expires_at: AwareDatetime | None = Field(
        None, description="when the new one ends; absent: it lives as long as the old one was meant to"
    )


class KeysQuery(PageQuery):
    """Which keys."""

    user: list[str] = Field(default_factory=list[str], max_length=100)
    live: bool = Field(False, description="only those that are neither revoked nor expired")


@router.get("/keys", dependencies=_KEYS, summary="List API keys, the newest first")
def list_keys(engine: Db, query: Annotated[KeysQuery, Query()]) -> views.Page[views.Key]:
    """The keys themselves are not kept, and so not shown."""
    with snapshot(engine) as tx:
        return keys.list_keys(tx, query.limit, query.cursor, user=query.user, live=query.live)


@router.get("/keys/{key_id}", dependencies=_KEYS, summary="One API key")
def read_key(key_id: KeyId, engine: Db, _query: NoQuery) -> views.Key:
    """Whose it is, what it may, and when it was used last (to the minute)."""
    with snapshot(engine) as tx:
        return keys.read_key(tx, key_id)


@router.post("/keys", dependencies=_KEYS, status_code=201, summary="Make an API key")
def create_key(asked: KeyRequest, engine: Db, who: Who, once: Once, _query: NoQuery) -> views.NewKey:
    """The answer is the only place where the key is shown; a repeated Idempotency-Key makes none, and shows none."""
    with engine.begin() as tx:
        return _shown(tx, once, lambda: make_key(tx, **dict(asked), by=who.user))


@router.post(
    "/keys/{key_id}/rotate",
    dependencies=_KEYS,
    status_code=201,
    openapi_extra=taking(Rotation, JSON, required=False),
    summary="Make a key in the place of another",
)
def rotate(
    key_id: KeyId, engine: Db, who: Who, body: RawBody, once: Once, request: Request, _query: NoQuery
) -> views.NewKey:
    """Of the same user, label and scope. The old one works on for `overlap_s`, so that nothing stops meanwhile."""
    with engine.begin() as tx:
        keys.read_key(tx, key_id)  # 404 comes before what is wrong with the body
        asked = body.model(Rotation, "the key can not be rotated like that")
        made = _shown(tx, once, lambda: rotate_key(tx, key_id, asked.overlap_s, asked.expires_at, by=who.user))
    _forget(request)
    return made


@router.delete("/keys/{key_id}", dependencies=_KEYS, status_code=204, summary="Revoke an API key")
def delete_key(key_id: KeyId, request: Request, engine: Db, who: Who, _query: NoQuery) -> None:
    """It is refused here at once and everywhere within 5 s; again is no error."""
    with engine.begin() as tx:
        revoke_key(tx, key_id, by=who.user)
    _forget(request)


def _shown(tx: Connection, once: Maker, make: Callable[[], NewKey]) -> views.NewKey:
    """Make a key and show it; Conflict where it was made before, since then nobody has it to show."""
    made: list[NewKey] = []

    def make_it() -> int:
        made.append(make())
        return made[0].id

    key_id = once.make(tx, make_it)
    if not made:
        raise Conflict(f"key {key_id} was made for this Idempotency-Key, and is shown once: rotate it for another")
    return views.NewKey(id=key_id, key=made[0].plain)


def _forget(request: Request) -> None:
    callers: Callers = request.app.state.callers
    callers.forget()
