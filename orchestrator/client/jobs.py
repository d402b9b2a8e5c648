"""Jobs: started, read, controlled."""

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.client.ask import Ask, delete, get, listed, make, new_key, path_inputs, post, said, segment
from orchestrator.client.operation import Listing, Operation, Starting
from orchestrator.contracts import views
from orchestrator.contracts.views import Page

Several = Sequence[str]


class Jobs:
    """What has to do with jobs of every kind."""

    @Starting
    def submit(
        self,
        workflow: str,
        site: str,
        paths: Iterable[str | bytes],
        *,
        fields: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        **more: object,
    ) -> Ask[views.Job]:
        """Start a job; ``more`` is the rest of the body (queue, priority, discovery, max_running ...), None left out.

        Safe to repeat: without a key of the caller's own it makes one, and asks again if the connection breaks.
        """
        body = {"workflow": workflow, "site": site, "paths": path_inputs(paths)} | said(fields=fields or None, **more)
        return post("/jobs", views.Job, body, key=idempotency_key or new_key())

    @Starting
    def redrive(self, job_id: int, **which: object) -> Ask[views.Job]:
        """Start a job over what this one did not bring to a good end: ``include``, ``steps``, ``fingerprints``."""
        return make(f"/jobs/{job_id}/redrive", views.Job, said(**which))

    @Operation
    def job(self, job_id: int) -> Ask[views.Job]:
        """One job."""
        return get(f"/jobs/{job_id}", views.Job)

    @Listing
    def jobs(
        self,
        *,
        state: Several | None = None,
        workflow: Several | None = None,
        site: Several | None = None,
        owner: Several | None = None,
        limit: int | None = None,
        **more: object,
    ) -> Ask[Page[views.Job]]:
        """Jobs, the newest first; ``more`` are the other filters of the API."""
        known = {"state": state, "workflow": workflow, "site": site, "owner": owner, "limit": limit}
        return listed("/jobs", views.Job, **known, **more)

    @Operation
    def change_job(self, job_id: int, **what: object) -> Ask[views.Job]:
        """Change its name, priority, due date, assignee and the like, as its state allows."""
        return Ask(method="PATCH", path=f"/jobs/{job_id}", answer=views.Job, document=what)

    @Operation
    def delete_job(self, job_id: int) -> Ask[None]:
        """Delete a job that nothing has been done of."""
        return delete(f"/jobs/{job_id}")

    @Operation
    def pause(self, job_id: int, reason: str | None = None) -> Ask[views.Job]:
        """Hand out nothing more of it; what runs is finished."""
        return post(f"/jobs/{job_id}/pause", views.Job, said(reason=reason))

    @Operation
    def resume(self, job_id: int, reason: str | None = None) -> Ask[views.Job]:
        """Let it go on."""
        return post(f"/jobs/{job_id}/resume", views.Job, said(reason=reason))

    @Operation
    def cancel(self, job_id: int, reason: str | None = None, *, force: bool = False) -> Ask[views.Job]:
        """Take it out of the queues and stop what runs, with ``force`` at once."""
        return post(f"/jobs/{job_id}/cancel", views.Job, said(reason=reason, force=force or None))

    @Operation
    def forecast(self, job_id: int) -> Ask[views.Forecast]:
        """What a dry run has found: what would run where, and how long that would take."""
        return get(f"/jobs/{job_id}/forecast", views.Forecast)

    @Operation
    def fire(self, job_id: int, event: str, **said: object) -> Ask[views.Job]:
        """Fire one of a job's ``legal_events`` at it, spelled so or in kebab case; the job as it then is."""
        return post(f"/jobs/{job_id}/actions/{segment(event)}", views.Job, said)

    @Operation
    def why(self, job_id: int) -> Ask[views.Why]:
        """What holds it up, and what would free it."""
        return get(f"/jobs/{job_id}/why", views.Why)

    @Listing
    def paths(
        self, job_id: int, *, outcome: Several | None = None, limit: int | None = None
    ) -> Ask[Page[views.PathOutcome]]:
        """What became of its paths, one by one."""
        return listed(f"/jobs/{job_id}/paths", views.PathOutcome, outcome=outcome, limit=limit)

    @Listing
    def history(self, job_id: int, *, limit: int | None = None) -> Ask[Page[views.HistoryEntry]]:
        """What happened to it, oldest first."""
        return listed(f"/jobs/{job_id}/history", views.HistoryEntry, limit=limit)

    @Listing
    def log(self, job_id: int, *, limit: int | None = None, **filters: object) -> Ask[Page[views.LogLine]]:
        """What its tasks have logged: ``level``, ``after``."""
        return listed(f"/jobs/{job_id}/log", views.LogLine, limit=limit, **filters)
