"""What went wrong, and doing it again."""

from collections.abc import Iterator, Sequence

from orchestrator.client.ask import Asker, Document


class Failures(Asker):
    """The part of the client that has to do with failures."""

    def errors_seen(self, **filters: object) -> Iterator[Document]:
        """Failures that are alike across jobs, as the API's filters say (since, until, workflow, site, fingerprint)."""
        return self.pages("/errors", **filters)

    def shared(self, job_id: int, fingerprints: Sequence[str] = ()) -> Document:
        """What the failed paths of a job share, what sets them most apart first; only those that failed so."""
        return self.request("GET", f"/jobs/{job_id}/errors/shared", params={"fingerprint": list(fingerprints)})

    def retry(self, task_id: int, reason: str | None = None) -> Document:
        """Try a single task again: a new job with only what stopped in it, once its job has ended; the job."""
        return self.request("POST", f"/tasks/{task_id}/retry", {"reason": reason})
