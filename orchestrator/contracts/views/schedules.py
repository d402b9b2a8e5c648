"""Schedules, and what became of the times at which they were due."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from orchestrator.contracts.schedule import SHOWN
from orchestrator.domain.schedule import Outcome, Overlap


class Firing(BaseModel):
    """One time at which a schedule was due, or somebody ran it."""

    id: int
    schedule_id: int
    due_at: datetime
    at: datetime = Field(description="when it came to this outcome")
    outcome: Outcome = Field(
        description="`queued` until the job before has ended; `missed`: longer ago than `catch_up` when a hub came back"
    )
    job_id: int | None = Field(description="the job that it started")
    by: str | None = Field(description="who asked for it; null: its time came")
    reason: str | None = Field(description="why it has no job")


class ScheduleLine(BaseModel):
    """A schedule, as it stands in a list."""

    id: int = Field(examples=[3])
    name: str = Field(examples=["nightly_copy"])
    owner: str = Field(description="who wrote it last; its jobs are theirs")
    enabled: bool = Field(description="false: it is paused, and nothing is due")
    workflow: str
    workflow_version: int | None = Field(description="null: the newest when it is due")
    site: str
    queue: str
    priority: int
    cron: str | None = Field(examples=["30 2 * * *"])
    timezone: str = Field(examples=["Europe/London"])
    every: float | None = Field(description="seconds")
    at: datetime | None
    overlap: Overlap
    catch_up: float = Field(description="seconds: so late what was missed is made up")
    next_at: datetime | None = Field(description="when it is due next; null: it is paused, or never again")
    running: int | None = Field(description="its job that has not ended")
    queued: int = Field(description="firings that wait for that")
    last: Firing | None = Field(description="what became of the last time")
    created_at: datetime
    updated_at: datetime


class Schedule(ScheduleLine):
    """A schedule, with what its jobs are given, the times to come, and those that were."""

    paths: list[Any]
    fields: dict[str, Any]
    discovery: str | None
    attributes: dict[str, Any]
    next_times: list[datetime] = Field(description=f"the next {SHOWN}, from `next_at` on")
    firings: list[Firing] = Field(description=f"the last {SHOWN}, the newest first")
