"""Holds."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Hold(BaseModel):
    """What stops hand-outs, and people's events, of everything that agrees with its whole scope."""

    id: int
    kind: Literal["manual", "tolerance", "breaker", "group"] = Field(
        description="made by somebody, or since too much failed"
    )
    scope: dict[str, int | str] = Field(examples=[{"job": 17}, {"site": "paris", "queue": "bulk"}])
    reason: str
    author: str
    at: datetime
    until: datetime | None = Field(description="it releases itself then; null: somebody does")
    released_at: datetime | None
    released_by: str | None
    release_reason: str | None
