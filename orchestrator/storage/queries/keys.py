"""API keys, as they may be shown."""

from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator.contracts import views
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import api_keys


def list_keys(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.Key]:
    """Every key that was ever made, the newest first."""
    return page_by(tx, select(api_keys), api_keys.c.id, limit, cursor, _view, falling=True)


def _view(row: Row[Any]) -> views.Key:
    told = {name: getattr(row, name) for name in views.Key.model_fields if name != "user"}
    return views.Key(user=row.user_name, **told)
