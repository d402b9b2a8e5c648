"""Schedules. Each is meant by its number or its name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from orchestrator.client.ask import Ask, Named, delete, get, listed, make, post, put, said
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts import views
from orchestrator.contracts.views import Page

T = TypeVar("T")


def _of(schedule: int | str, ask: Ask[T]) -> Ask[T]:
    """What is asked about a schedule: ``{}`` in its path stands for the number."""
    if isinstance(schedule, int) or schedule.isdecimal():
        return replace(ask, path=ask.path.replace("{}", str(int(schedule))))
    return replace(ask, named=Named("schedule", schedule))


class Schedules:
    """What has to do with schedules."""

    @Listing
    def schedules(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.ScheduleLine]]:
        """Schedules, in the order in which they were made: ``name``, ``workflow``, ``site``, ``owner``, ``enabled``."""
        return listed("/schedules", views.ScheduleLine, limit=limit, **filters)

    @Operation
    def schedule(self, schedule: int | str) -> Ask[views.Schedule]:
        """One schedule, with the times to come and those that were."""
        return _of(schedule, get("/schedules/{}", views.Schedule))

    @Operation
    def add_schedule(self, definition: Mapping[str, Any]) -> Ask[views.Schedule]:
        """Make a schedule (``name``, ``workflow``, ``site``, ``paths``, ``cron`` ...); it comes due from now on."""
        return make("/schedules", views.Schedule, definition)

    @Operation
    def change_schedule(self, schedule: int | str, definition: Mapping[str, Any]) -> Ask[views.Schedule]:
        """Say anew all that a schedule says."""
        return _of(schedule, put("/schedules/{}", views.Schedule, definition))

    @Operation
    def apply_schedule(self, name: str, definition: Mapping[str, Any]) -> Ask[views.Schedule]:
        """Say anew all that the schedule of this name says, or make it where there is none; a paused one stays so."""
        made = make("/schedules", views.Schedule, definition)
        change = put("/schedules/{}", views.Schedule, definition)
        return replace(change, named=Named("schedule", name), otherwise=made)

    @Operation
    def run_schedule(self, schedule: int | str) -> Ask[views.Firing]:
        """Fire it now; the firing, with its job unless that is queued."""
        return _of(schedule, post("/schedules/{}/run", views.Firing))

    @Operation
    def pause_schedule(self, schedule: int | str, reason: str | None = None) -> Ask[views.Schedule]:
        """Let it come due no more until it is resumed."""
        return _of(schedule, post("/schedules/{}/pause", views.Schedule, said(reason=reason)))

    @Operation
    def resume_schedule(self, schedule: int | str, reason: str | None = None) -> Ask[views.Schedule]:
        """Let it come due again."""
        return _of(schedule, post("/schedules/{}/resume", views.Schedule, said(reason=reason)))

    @Operation
    def delete_schedule(self, schedule: int | str) -> Ask[None]:
        """Take it away; its jobs stay."""
        return _of(schedule, delete("/schedules/{}"))

    @Listing
    def firings(self, schedule: int | str, *, limit: int | None = None) -> Ask[Page[views.Firing]]:
        """When it was due, the newest first, and what came of it."""
        return _of(schedule, listed("/schedules/{}/firings", views.Firing, limit=limit))
