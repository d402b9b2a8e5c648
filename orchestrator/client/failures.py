"""What went wrong, and doing it again."""

from collections.abc import Sequence

from orchestrator.client.ask import Ask, get, listed, post
from orchestrator.client.operation import Listing, Operation, Starting
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Failures:
    """What has to do with failures."""

    @Listing
    def errors_seen(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.ErrorSeen]]:
        """Failures that are alike across jobs, as the API's filters say (since, until, workflow, site, fingerprint)."""
        return listed("/errors", views.ErrorSeen, limit=limit, **filters)

    @Operation
    def shared(self, job_id: int, fingerprints: Sequence[str] = ()) -> Ask[views.WhatIsShared]:
        """What the failed paths of a job share, what sets them most apart first; only those that failed so."""
        return get(f"/jobs/{job_id}/errors/shared", views.WhatIsShared, fingerprint=list(fingerprints))

    @Starting
    def retry(self, task_id: int, reason: str | None = None) -> Ask[views.Job]:
        """Try a single task again: a new job with only what stopped in it, once its job has ended; the job."""
        return post(f"/tasks/{task_id}/retry", views.Job, {"reason": reason})
