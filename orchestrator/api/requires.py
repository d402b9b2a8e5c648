"""What a route may ask for: a permission (every route has to), who is calling, the database, the broker's address."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from sqlalchemy import Engine

from orchestrator.domain.roles import Permission
from orchestrator.services.keys import Caller
from orchestrator.services.workspace import Workspaces
from orchestrator.storage.files import Files


@dataclass(frozen=True, slots=True)
class Parts:
    """What the API stands on; kept as ``app.state.parts``."""

    engine: Engine
    secret: bytes
    redis_url: str | None
    webhooks_private: bool = False
    """Webhooks may be at private addresses."""
    files: Files | None = None
    """Where attachments are kept."""
    workspaces: Workspaces | None = None
    """Where the data of edit jobs is."""
    edits_most: int = 1024 * 1024 * 1024
    """The most bytes of a file of edits."""
    flower_url: str | None = None
    """Where Flower is, for people."""


@dataclass(frozen=True)
class Needs:
    """A route's permission; the gate reads it, and asks for it before the body is read."""

    permission: Permission

    async def __call__(self) -> None:
        """Nothing is left to do once the gate has let the request in."""


def needs(permission: Permission) -> Any:
    """For a route's ``dependencies``: ``@router.get("/jobs", dependencies=[needs(Permission.READ)])``."""
    return Depends(Needs(permission))


async def _parts(request: Request) -> Parts:
    return request.app.state.parts


async def _engine(request: Request) -> Engine:
    return request.app.state.parts.engine


async def _caller(request: Request) -> Caller:
    return request.scope["caller"]


AllParts = Annotated[Parts, Depends(_parts)]
Db = Annotated[Engine, Depends(_engine)]
"""The engine: a handler opens its own transaction and ends it before it answers, so that 2xx means kept."""
Who = Annotated[Caller, Depends(_caller)]


class StrictQuery(BaseModel):
    """The query parameters of a route, as ``query: Annotated[..., Query()]``: others are refused by name."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        # A parameter that may be repeated comes as a list, and its text shows a NUL as well.
        if "\0" in value if isinstance(value, str) else "\\x00" in str(value):
            raise ValueError("may not contain NUL")
        return value


NoQuery = Annotated[StrictQuery, Query()]
"""For a route without query parameters: ``_query: NoQuery``."""


class PageQuery(StrictQuery):
    """The query parameters of every list."""

    limit: int = Field(50, ge=1, le=500, description="the most items of one answer")
    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the page before")


Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
"""A short text that can be kept: PostgreSQL has no NUL."""
