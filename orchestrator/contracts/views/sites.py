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
    pool: str = Field(description="what it is made of: `prefork` or `threads`")
    limits: dict[str, float] = Field(description="of each of its processes: `memory`, `cpu_time`, `nice`")
    running: int
    version: str
    clock_skew_s: int
    live: bool = Field(description="heard in the last 15 s")
    deaf: bool = Field(description="there, and what is put into its queue does not get to it")
    problems: list[str] = Field(description="plugins that it could not load: a line that says why, then the traceback")
    first_heard: datetime
    last_heard: datetime
    left_at: datetime | None
    flower_url: str | None = Field(default=None, description="its page in Flower, where that is known")


class PartlyOffered(BaseModel):
    """An action that not all who serve a queue offer alike. A queue can not choose among them."""

    action: str
    versions: dict[str, str] = Field(description="node -> version, of those that have it")
    missing: list[str] = Field(description="nodes that do not have it; until all do, it waits")


class Pool(BaseModel):
    """One queue and function of a site: who serves it, what it offers, what waits there, and what runs."""

    queue: str
    function: str
    enabled: bool = Field(description="false: it is given nothing new, while its site is")
    draining: bool
    drained: bool = Field(description="draining, and nothing is with it any more")
    with_site: int = Field(description="tasks and walks that are with it, begun or not")
    nodes: int = Field(description="live ones")
    actions: list[str] = Field(description="what all of these offer")
    partly: list[PartlyOffered] = Field(description="what only some of them offer, or in different versions")
    concurrency: int
    running: int
    waiting: int = Field(description="tasks that could be run now; counted up to 10000")
    oldest_wait_s: float | None
    longest_running_s: float | None


class OfferedAction(BaseModel):
    """An action that the site has offered to run."""

    action: str
    function: str
    version: str
    description: str
    timeout_s: int | None
    runs_in: str = Field(description="the function that it asks for, where its queue has that")
    longest_s: float | None = Field(description="seconds of the longest task of it here that came to an end")
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
    flower_url: str | None = Field(default=None, description="Flower, which shows its workers; null: not known where")
