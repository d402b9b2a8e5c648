"""API keys, as they may be shown."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from orchestrator.contracts import views
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import api_keys

_LIVE = api_keys.c.revoked_at.is_(None) & func.coalesce(api_keys.c.expires_at > func.now(), True)


def list_keys(
    tx: Connection, limit: int, cursor: str | None = None, *, user: Sequence[str] = (), live: bool = False
) -> views.Page[views.Key]:
    """Every key that was ever made, the newest first; ``live``: only those that still work."""
    query = select(api_keys)
    if user:
        query = query.where(api_keys.c.user_name.in_(user))
    if live:
        query = query.where(_LIVE)
    return page_by(tx, query, api_keys.c.id, limit, cursor, _view, falling=True)


def read_key(tx: Connection, key_id: int) -> views.Key:
    """One key; NotFound when there is none."""
    row = tx.execute(select(api_keys).where(api_keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no key {key_id}")
    return _view(row)


def _view(row: Row[Any]) -> views.Key:
    told = {name: getattr(row, name) for name in views.Key.model_fields if name != "user"}
    return views.Key(user=row.user_name, **told)
