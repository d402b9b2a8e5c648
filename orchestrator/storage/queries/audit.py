"""The audit, as it is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator.contracts import views
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import audit


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries: those that match one value of every filter that has any."""

    actor: Sequence[str] = ()
    action: Sequence[str] = ()
    subject: Sequence[str] = ()
    after: datetime | None = None
    before: datetime | None = None


def list_audit(
    tx: Connection, wanted: AuditFilter, limit: int, cursor: str | None = None
) -> views.Page[views.AuditEntry]:
    """The newest first."""
    query = select(audit)
    for name in ("actor", "action", "subject"):
        if values := getattr(wanted, name):
            query = query.where(audit.c[name].in_(values))
    if wanted.after is not None:
        query = query.where(audit.c.at > wanted.after)
    if wanted.before is not None:
        query = query.where(audit.c.at < wanted.before)
    return page_by(tx, query, audit.c.id, limit, cursor, _view, falling=True)


def _view(row: Row[Any]) -> views.AuditEntry:
    return views.AuditEntry(**{name: getattr(row, name) for name in views.AuditEntry.model_fields})
