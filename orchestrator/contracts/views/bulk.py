"""What became of many jobs, or of many lines."""

from pydantic import BaseModel, Field

from orchestrator.contracts.bulk import Deed
from orchestrator.contracts.state import State
from orchestrator.contracts.views.page import Wrong


class Skip(BaseModel):
    """A job with which nothing was done, and why."""

    job_id: int
    state: State
    why: str


class BulkDone(BaseModel):
    """What was done with many jobs; with ``dry_run``, what would be."""

    action: Deed
    dry_run: bool
    matched: int = Field(description="jobs that were looked at; changed + unchanged + skipped")
    changed: int
    unchanged: int = Field(description="it was so already")
    skipped: int
    skips: list[Skip] = Field(description="the first hundred of them")
    made: list[int] = Field(description="the jobs that redrive, or the holds")
    next_cursor: str | None = Field(description="there are more: ask again with this `cursor`; null: these were all")


class Line(BaseModel):
    """What became of one line: the job that it made, or the problem that it would have been answered with alone."""

    line: int = Field(description="its number, from 1; empty ones count, and have no answer", examples=[1])
    status: int = Field(description="201: a new job; 200: the one that it made before", examples=[201])
    job_id: int | None = None
    state: State | None = None
    title: str | None = None
    detail: str | None = None
    errors: list[Wrong] | None = None
