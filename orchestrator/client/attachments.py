"""Files that belong to jobs."""

from orchestrator.client.ask import RETRIES, Ask, delete, listed, new_key
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Attachments:
    """What has to do with attachments; ``fetch_attachment`` gets one."""

    @Listing
    def attachments(self, job_id: int, *, limit: int | None = None) -> Ask[Page[views.Attachment]]:
        """A job's files, the oldest first."""
        return listed(f"/jobs/{job_id}/attachments", views.Attachment, limit=limit)

    @Operation
    def attach(
        self, job_id: int, name: str, content: bytes, media_type: str = "application/octet-stream"
    ) -> Ask[views.Attachment]:
        """Let a file belong to a job, under this name."""
        headers = {"Content-Type": media_type, "Idempotency-Key": new_key()}
        return Ask(
            method="POST",
            path=f"/jobs/{job_id}/attachments",
            answer=views.Attachment,
            content=content,
            params={"name": name},
            headers=headers,
            retries=RETRIES,
        )

    @Operation
    def delete_attachment(self, job_id: int, attachment_id: int) -> Ask[None]:
        """Take one away: one's own, and as a planner others', too."""
        return delete(f"/jobs/{job_id}/attachments/{attachment_id}")
