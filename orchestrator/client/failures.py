"""What went wrong."""

from collections.abc import Sequence

from orchestrator.client.ask import Ask, get, listed
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Failures:
    """What has to do with failures."""

    @Listing
    def errors(self, job_id: int, *, limit: int | None = None) -> Ask[Page[views.ErrorGroup]]:
        """Its failures, those that are alike together."""
        return listed(f"/jobs/{job_id}/errors", views.ErrorGroup, limit=limit)

    @Listing
    def errors_seen(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.ErrorSeen]]:
        """Failures that are alike across jobs, as the API's filters say (since, until, workflow, site, fingerprint)."""
        return listed("/errors", views.ErrorSeen, limit=limit, **filters)

    @Operation
    def shared(self, job_id: int, fingerprints: Sequence[str] = ()) -> Ask[views.WhatIsShared]:
        """What the failed paths of a job share, what sets them most apart first; only those that failed so."""
        return get(f"/jobs/{job_id}/errors/shared", views.WhatIsShared, fingerprint=list(fingerprints))
