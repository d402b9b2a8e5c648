"""Edit jobs: their types, starting and archiving them."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.client.ask import Ask, delete, get, keep, listed, new_key, only, post, said, segment
from orchestrator.client.operation import Listing, Operation, Starting
from orchestrator.contracts import views
from orchestrator.contracts.job_type import JobTypeVersion
from orchestrator.contracts.views import Page


class EditJobs:
    """What has to do with edit jobs; what is done with one is an event of it (``fire``)."""

    @Listing
    def job_types(self, *, limit: int | None = None) -> Ask[Page[JobTypeVersion]]:
        """The newest version of each, by name."""
        return listed("/job-types", JobTypeVersion, limit=limit)

    @Operation
    def job_type(self, name: str) -> Ask[JobTypeVersion]:
        """One type, its newest version."""
        return get(f"/job-types/{segment(name)}", JobTypeVersion)

    @Listing
    def job_type_versions(self, name: str, *, limit: int | None = None) -> Ask[Page[JobTypeVersion]]:
        """Its versions, the newest first."""
        return listed(f"/job-types/{segment(name)}/versions", JobTypeVersion, limit=limit)

    @Operation
    def apply_job_type(
        self, name: str, definition: Mapping[str, Any], *, over: int | None = None
    ) -> Ask[JobTypeVersion]:
        """Make the definition the type's newest version, or the type where there is none of this name.

        Only while ``over`` is the newest version, if that is given; else Changed.
        """
        return only(keep("/job-types", name, JobTypeVersion, definition), over)

    @Operation
    def delete_job_type(self, name: str, *, over: int | None = None) -> Ask[None]:
        """Delete a type, if ``over`` is given only at that version; its jobs keep the one that they began with."""
        return only(delete(f"/job-types/{segment(name)}"), over)

    @Starting
    def start_edit(
        self, job_type: str, name: str, *, idempotency_key: str | None = None, **more: object
    ) -> Ask[views.Job]:
        """Start an edit job; ``more`` is the rest of the body (assignee, group, allocate, extent ...)."""
        body = {"job_type": job_type, "name": name} | said(**more)
        return post("/jobs", views.Job, body, key=idempotency_key or new_key())

    @Operation
    def edits(self, job_id: int, sha256: str | None = None) -> Ask[views.Edits]:
        """What edits of a job have come in, and how much of the file with this checksum (in hexadecimal)."""
        return get(f"/jobs/{job_id}/edits", views.Edits, sha256=sha256)

    @Operation
    def archive(
        self,
        jobs: Sequence[int] | None = None,
        *,
        ended_before: str | None = None,
        job_type: str | None = None,
        reason: str | None = None,
    ) -> Ask[views.Archived]:
        """Archive these edit jobs, or those that ended before a moment (RFC 3339), maybe only of one type."""
        body = said(jobs=jobs and list(jobs), ended_before=ended_before, job_type=job_type, reason=reason)
        return post("/jobs/archive", views.Archived, body)
