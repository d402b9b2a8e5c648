"""Webhooks, and what could not be delivered to them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class Webhook(BaseModel):
    """Where events of jobs are sent to."""

    id: int
    url: str
    events: list[str] | None = Field(description="null: all")
    workflow: str | None = Field(description="only of its jobs; null: of all")
    owner: str
    created_at: datetime
    delivered_at: datetime | None = Field(description="the last time that it took something")
    failures: int = Field(description="in a row")
    last_error: str | None
    retry_at: datetime | None = Field(description="nothing is sent to it before")
    waiting: bool = Field(description="something is still to be sent")
    dead: bool = Field(description="something was given up")


class NewWebhook(Webhook):
    """A webhook just made: the only time that its key is shown."""

    key: str


class Delivery(BaseModel):
    """Something that is to be sent, or was given up."""

    id: int
    job_id: int
    event: str
    body: dict[str, Any]
    created_at: datetime
    due_at: datetime
    attempts: int
    last_error: str | None
    dead_at: datetime | None


class SentAgain(BaseModel):
    """How many deliveries are in the outbox once more."""

    deliveries: int
