"""A ledger, line by line."""

from datetime import datetime

from pydantic import BaseModel

from orchestrator.contracts.views.jobs import Outcome


class LedgerLine(BaseModel):
    """One path of a job, how far it came and what became of it."""

    job_id: int
    path: str
    path_b64: str | None
    outcome: Outcome | None
    """None while it has none."""
    rule: int | None
    step: int | None
    """Where it is, or where it stopped."""
    action: str | None
    site: str | None
    task_id: int | None
    kind: str | None
    size: int | None
    error_class: str | None
    message: str | None
    fingerprint: str | None
    worker: str | None
    attempt: int | None
    started_at: datetime | None
    ended_at: datetime | None
