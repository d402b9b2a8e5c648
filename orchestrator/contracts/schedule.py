"""A schedule, as it is posted and kept: which workflow runs where, over which paths, and when."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from orchestrator.contracts.cron import checked_cron, cron_after, read_zone
from orchestrator.contracts.moment import Moment
from orchestrator.contracts.submission import Word
from orchestrator.contracts.workflow import Duration
from orchestrator.domain.fields import LANE
from orchestrator.domain.schedule import SHORTEST_S, Overlap, every_after

LONGEST_S = 366 * 86400
LEAST_CATCH_UP_S = 10.0
"""So late a firing may be without anything having gone wrong: another hub takes over."""
SHOWN = 10
"""Of the times that come, and of the firings that were."""
_OF_THE_JOB = (
    "workflow",
    "workflow_version",
    "site",
    "paths",
    "fields",
    "queue",
    "priority",
    "discovery",
    "attributes",
)
_OF_THE_TIME = ("cron", "timezone", "every", "at")


class ScheduleAsked(BaseModel):
    """What POST and PUT /schedules take. What is said of the job is checked as it would be when it is submitted."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "nightly_copy",
                    "workflow": "verify_and_copy",
                    "site": "london",
                    "paths": ["/data/scans"],
                    "fields": {"to": "paris"},
                    "cron": "30 2 * * *",
                    "timezone": "Europe/London",
                }
            ]
        },
    )

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]*[a-z_-][a-z0-9_-]*$", max_length=100)]
    """Small letters, digits, ``_`` and ``-``, and not digits alone; its jobs have it too."""
    workflow: Word
    workflow_version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """This version; absent: the newest when it comes due."""
    site: Word
    paths: list[Any] = []
    """As a job takes them."""
    fields: dict[str, Any] = {}
    queue: Annotated[str, StringConstraints(pattern=f"^{LANE.pattern}$")] = "default"
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    discovery: Word | None = None
    """Instead of the workflow's own; null = exactly the paths given."""
    attributes: dict[str, Any] = {}
    cron: Annotated[str, StringConstraints(max_length=200)] | None = None
    """minute hour day-of-month month day-of-week."""
    timezone: Annotated[str, StringConstraints(min_length=1, max_length=100)] = "UTC"
    """Of ``cron``: an IANA name."""
    every: Duration | None = None
    """An interval, counted from when it was first said."""
    at: Moment | None = None
    """Once."""
    overlap: Annotated[Overlap, Field(strict=False)] = Overlap.SKIP
    """While the job of an earlier firing has not ended: skip this one, queue it, or cancel that and start this one."""
    catch_up: Duration = 3600.0
    """So late a firing is made up that was missed while no hub was there."""
    enabled: bool = True

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        return None if cron is None else checked_cron(cron)

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, timezone: str) -> str:
        read_zone(timezone)
        return timezone

    @field_validator("every")
    @classmethod
    def _is_an_interval(cls, every: float | None) -> float | None:
        if every is not None and not SHORTEST_S <= every <= LONGEST_S:
            raise ValueError("has to be at least 1 s and at most 366 days")
        return every

    @field_validator("catch_up")
    @classmethod
    def _is_a_window(cls, catch_up: float) -> float:
        if not LEAST_CATCH_UP_S <= catch_up <= LONGEST_S:
            raise ValueError("has to be at least 10 s, which is as long as another hub may take, and at most 366 days")
        return catch_up

    @model_validator(mode="after")
    def _has_one_time(self) -> Self:
        said = [name for name in ("cron", "every", "at") if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"needs one of cron, every and at{', not ' + ' and '.join(said) if said else ''}")
        if self.cron is None and "timezone" in self.model_fields_set:
            raise ValueError("timezone is for cron")
        return self

    def due_after(self, anchor: datetime, moment: datetime) -> datetime | None:
        """When it is due first after the moment, in UTC; None: never. From ``anchor`` on ``every`` is counted."""
        if self.cron is not None:
            return cron_after(self.cron, read_zone(self.timezone), moment)
        if self.every is not None:
            return every_after(anchor, timedelta(seconds=self.every), moment)
        return self.at if self.at is not None and self.at > moment else None

    def due_from(self, anchor: datetime, due: datetime | None) -> Iterator[datetime]:
        """This due time, and those that follow."""
        while due is not None:
            yield due
            due = self.due_after(anchor, due)

    def same_times(self, other: "ScheduleAsked") -> bool:
        """Whether it is due when the other is."""
        return all(getattr(self, name) == getattr(other, name) for name in _OF_THE_TIME)

    @classmethod
    def shown(cls, kept: dict[str, Any]) -> Self:
        """What is kept, to be looked at: also where it could not be taken now, as a time zone has gone."""
        try:
            return cls.model_validate(kept)
        except ValidationError:
            return cls.model_construct(**kept)

    @property
    def submission(self) -> dict[str, Any]:
        """The body of its jobs, as POST /jobs takes it: what is not said is not there."""
        said = self.model_dump(mode="json", include=set(_OF_THE_JOB), exclude_unset=True)
        return said | {"name": self.name}

    @property
    def kept(self) -> dict[str, Any]:
        """What it says, as it is kept."""
        return self.model_dump(mode="json", exclude_unset=True)
