"""Starting jobs, and reading them."""

import base64
import uuid
from collections.abc import Iterable, Iterator, Mapping

from orchestrator.client.ask import Asker, Document, segment


class Jobs(Asker):
    """The part of the client that has to do with jobs of every kind."""

    def submit(
        self,
        workflow: str,
        site: str,
        paths: Iterable[str | bytes],
        *,
        fields: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
        **more: object,
    ) -> Document:
        """Start a job; ``more`` is the rest of the body (queue, priority, discovery, dry_run ...), None left out.

        Safe to repeat: without a key of the caller's own it makes one, and asks again if the connection breaks.
        """
        body: Document = {"workflow": workflow, "site": site, "paths": [path_input(path) for path in paths]}
        if fields:
            body["fields"] = fields
        body.update({name: value for name, value in more.items() if value is not None})
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        return self.repeatable(lambda: self.request("POST", "/jobs", body, headers=headers))

    def job(self, job_id: int) -> Document:
        """One job."""
        return self.request("GET", f"/jobs/{job_id}")

    def jobs(self, **filters: object) -> Iterator[Document]:
        """Jobs, as the API's filters say."""
        return self.pages("/jobs", **filters)

    def of_job(self, job_id: int, what: str, **filters: object) -> Iterator[Document]:
        """A job's ``tasks``, ``errors``, ``paths`` or ``history``."""
        return self.pages(f"/jobs/{job_id}/{what}", **filters)

    def forecast(self, job_id: int) -> Document:
        """What a dry run has found: what would run where, and how long that would take."""
        return self.request("GET", f"/jobs/{job_id}/forecast")

    def fire(self, job_id: int, event: str, **said: object) -> Document:
        """Fire one of a job's ``legal_events`` at it, spelled so or in kebab case; the job as it then is."""
        return self.request("POST", f"/jobs/{job_id}/actions/{segment(event)}", said)


def path_input(path: str | bytes) -> str | Document:
    """A path as the API takes it: text, or an object with its bytes where they are not UTF-8."""
    if isinstance(path, str):
        path = path.encode("utf-8", "surrogateescape")
    try:
        return path.decode()
    except UnicodeDecodeError:
        return {"path_b64": base64.b64encode(path).decode("ascii")}
