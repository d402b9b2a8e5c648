"""What tasks say of themselves while they run."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from orchestrator.contracts.text import PathText


class Level(StrEnum):
    """How much a line of a log matters."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class LogLine(BaseModel):
    """A line of a task's log."""

    id: int = Field(description="grows in the order in which the lines came; `?after=` takes it")
    task_id: int
    step: int
    attempt: int
    at: datetime = Field(description="by the clock of the worker's host")
    level: Level
    logger: str = Field(description="who logged it: the action, a library, or `print`")
    message: str
    path: str | PathText | None = Field(description="what was being worked on; null: the task as a whole")


class TaskProgress(BaseModel):
    """How far a task said it was, with the path that it was at."""

    share: float = Field(description="from 0 to 1")
    note: str
    path: str | PathText | None = Field(description="null: it is how far the task is as a whole")
    at: datetime
