"""Holds."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Hold(BaseModel):
    """What stops hand-outs, and people's events, of everything that agrees with its whole scope."""

    id: int
    kind: Literal["manual", "tolerance", "breaker", "group", "deadline", "dependency"] = Field(
        description="made by somebody; since too much failed; while the group job is paused that it is a part of; "
        "since nobody has decided in time, or what it waited for has ended otherwise"
    )
    scope: dict[str, int | str] = Field(examples=[{"site": "paris", "path_prefix": "/data/in"}])
    reason: str
    author: str
    at: datetime
    until: datetime | None = Field(description="it releases itself then; null: somebody does")
    released_at: datetime | None
    released_by: str | None
    release_reason: str | None
