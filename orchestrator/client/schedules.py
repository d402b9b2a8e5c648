"""Schedules."""

from collections.abc import Iterator

from orchestrator.client.errors import Document, NotThere
from orchestrator.client.synchronous import Documents


class Schedules(Documents):
    """The part of the client that has to do with schedules."""

    def schedules(self, **filters: object) -> Iterator[Document]:
        """Schedules, as the API's filters say."""
        return self.pages("/schedules", **filters)

    def schedule(self, schedule: int | str) -> Document:
        """One schedule, by its number or its name; ApiRefused with 404 when there is none."""
        return self.request("GET", f"/schedules/{self.schedule_id(schedule)}")

    def schedule_id(self, schedule: int | str) -> int:
        """The number of a schedule; a name is looked up."""
        if isinstance(schedule, int) or schedule.isdecimal():
            return int(schedule)
        found = next(self.schedules(name=schedule, limit=1), None)
        if found is None:
            raise NotThere(404, "Not Found", f"there is no schedule {schedule!r}")
        return found["id"]

    def add_schedule(self, definition: Document) -> Document:
        """Make a schedule; it begins to come due at once."""
        return self.request("POST", "/schedules", definition)

    def change_schedule(self, schedule: int | str, definition: Document) -> Document:
        """Say anew all that a schedule says."""
        return self.request("PUT", f"/schedules/{self.schedule_id(schedule)}", definition)

    def run_schedule(self, schedule: int | str) -> Document:
        """Fire it now; the firing, with its job unless that is queued."""
        return self.request("POST", f"/schedules/{self.schedule_id(schedule)}/run")

    def pause_schedule(self, schedule: int | str, reason: str | None = None) -> Document:
        """Let it come due no more until it is resumed."""
        return self.request("POST", f"/schedules/{self.schedule_id(schedule)}/pause", {"reason": reason})

    def resume_schedule(self, schedule: int | str, reason: str | None = None) -> Document:
        """Let it come due again."""
        return self.request("POST", f"/schedules/{self.schedule_id(schedule)}/resume", {"reason": reason})

    def delete_schedule(self, schedule: int | str) -> Document:
        """Take it away; its jobs stay."""
        return self.request("DELETE", f"/schedules/{self.schedule_id(schedule)}")

    def firings(self, schedule: int | str, **filters: object) -> Iterator[Document]:
        """When it was due, the newest first, and what came of it."""
        return self.pages(f"/schedules/{self.schedule_id(schedule)}/firings", **filters)
