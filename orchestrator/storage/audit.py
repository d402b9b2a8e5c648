"""Writing down who did what to what: the audit, in the transaction of what was done."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from orchestrator.storage import tables


def audit(
    tx: Connection,
    actor: str,
    action: str,
    subject: str,
    reason: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Keep one entry; ``action`` is a thing and a verb (``hold.create``), ``subject`` what it was done to."""
    tx.execute(insert(tables.audit).values(actor=actor, action=action, subject=subject, reason=reason, detail=detail))
