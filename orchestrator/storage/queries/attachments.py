"""Attachments, as they are seen."""

from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator.contracts import views
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import attachments


def list_attachments(tx: Connection, job: int, limit: int, cursor: str | None = None) -> views.Page[views.Attachment]:
    """Those of a job, the oldest first."""
    query = select(attachments).where(attachments.c.job_id == job)
    return page_by(tx, query, attachments.c.id, limit, cursor, attachment)


def attachment(row: Row[Any]) -> views.Attachment:
    """One of them."""
    own = {name: getattr(row, name) for name in views.Attachment.model_fields if name != "sha256"}
    return views.Attachment(**own, sha256=bytes(row.sha256).hex())
