"""Sites, as they announce themselves and as their work goes."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from orchestrator.domain.health import Health


class Node(BaseModel):
    """One Celery worker of a site."""

    node: str = Field(description="Celery's name of it")
    function: str
    queues: list[str]
    concurrency: int
    running: int
    version: str
    clock_skew_s: int
    live: bool = Field(description="heard in the last 15 s")
    deaf: bool = Field(description="there, and what is put into its queue does not get to it")
    problems: list[str] = Field(description="plugins that it could not load: a line that says why, then the traceback")
    first_heard: datetime
    last_heard: datetime
    left_at: datetime | None


class Pool(BaseModel):
    """One queue and function of a site: who serves it, what waits there, and what runs."""

    queue: str
    function: str
    nodes: int = Field(description="live ones")
    concurrency: int
    running: int
    waiting: int = Field(description="tasks that could be run now; counted up to 10000")
    oldest_wait_s: float | None


class OfferedAction(BaseModel):
    """An action that the site has offered to run."""

    action: str
    function: str
    version: str
    description: str
    timeout_s: int | None
    parameters: dict[str, Any] = Field(description="JSON Schema of its parameters")
    last_offered: datetime


class Restart(BaseModel):
    """A restart of a site's workers, one after the other."""

    asked_at: datetime
    asked_by: str
    reason: str | None
    node: str | None = Field(description="whose turn it is: it finishes what it runs, ends, and is awaited back")
    done: int = Field(description="nodes that have begun since it was asked for")
    left: int = Field(description="nodes that are there and have not")
    ended_at: datetime | None = Field(description="null: under way")
    problem: str | None = Field(description="why it ended before all had been restarted")


class Site(BaseModel):
    """A site: who is there, what it can do, and how its work goes."""

    name: str
    health: Health
    problems: list[str] = Field(description="why the health is not ok")
    enabled: bool
    draining: bool
    drained: bool = Field(description="draining, and nothing is with it any more")
    with_site: int = Field(description="tasks and walks that are with it, begun or not")
    first_heard: datetime
    last_heard: datetime | None
    functions: list[str]
    concurrency: int
    running: int
    waiting: int
    oldest_wait_s: float | None
    queues: list[Pool]
    nodes: list[Node]
    actions: list[OfferedAction]
    discoveries: list[str]
    restart: Restart | None = Field(default=None, description="the last one that was asked for")
