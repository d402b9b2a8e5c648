"""What became of a request to archive many jobs."""

from pydantic import BaseModel, Field


class NotArchived(BaseModel):
    """A job that stays as it is."""

    job: int
    reason: str


class Archived(BaseModel):
    """Which jobs are archived now, and which could not be."""

    archived: list[int]
    refused: list[NotArchived]
    more: bool = Field(description="more have ended before that moment: ask again")
