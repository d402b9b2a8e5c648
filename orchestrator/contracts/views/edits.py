"""The data of edit jobs, on its way."""

from datetime import datetime

from pydantic import BaseModel, Field


class SentEdits(BaseModel):
    """A file of edits that has come in whole."""

    size: int
    sha256: str
    sent_at: datetime
    sent_by: str


class Edits(BaseModel):
    """How far the edits of a job are."""

    received: int = Field(description="bytes that are there of the file that was asked for, and is not there whole")
    sent: SentEdits | None = Field(description="what came in whole last, in this claim of the job")
