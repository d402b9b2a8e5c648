"""API keys, as they may be shown."""

from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator.contracts import views
from orchestrator.storage.queries.keyset import decode, page
from orchestrator.storage.tables import api_keys


def list_keys(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.Key]:
    """Every key that was ever made, the newest first."""
    query = select(api_keys).order_by(api_keys.c.id.desc())
    if cursor is not None:
        query = query.where(api_keys.c.id < decode(cursor, int)[0])
    return page(tx, query, limit, _view, lambda row: [row.id])


def _view(row: Row[Any]) -> views.Key:
    told = {name: getattr(row, name) for name in views.Key.model_fields if name != "user"}
    return views.Key(user=row.user_name, **told)
