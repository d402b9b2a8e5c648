"""Keys, and the health of the service itself."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from orchestrator.domain.roles import Role


class Key(BaseModel):
    """An API key, without the key."""

    id: int
    prefix: str
    user: str
    label: str | None
    roles: list[Role] | None = Field(description="null: all of the user's")
    site: str | None = Field(description="the only one that it reaches")
    workflow: str | None = Field(description="the only one whose jobs it reaches")
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaced_by: int | None = Field(description="the key that was made in its place")


class AuditEntry(BaseModel):
    """Something that somebody did, or was not let do."""

    id: int
    at: datetime
    actor: str = Field(description="a user; `hub`, `installation`; `anonymous` who had no key that is known")
    action: str = Field(examples=["key.rotate"], description="a thing and what was done to it; `request.denied`")
    subject: str = Field(examples=["key 7"], description="what it was done to")
    reason: str | None
    detail: dict[str, Any] | None


class User(BaseModel):
    """Somebody, or a program, who may use the API."""

    name: str
    roles: list[Role]
    groups: list[str]
    created_at: datetime


class Group(BaseModel):
    """Users to whom work can be assigned together."""

    name: str
    members: list[str]
    created_at: datetime


class NewKey(BaseModel):
    """A key just made: the only time it is shown."""

    id: int
    key: str


class Live(BaseModel):
    """The API answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether everything that is needed answers: each part is `ok`, or what is wrong with it."""

    status: Literal["ready", "not ready"]
    checks: dict[str, str]
