"""Webhooks and their deliveries, as they are seen."""

from typing import Any

from sqlalchemy import Connection, Row, Select, select

from orchestrator.contracts import views
from orchestrator.errors import NotFound
from orchestrator.storage.queries.keyset import page_by
from orchestrator.storage.tables import deliveries, webhooks


def list_webhooks(tx: Connection, limit: int, cursor: str | None = None) -> views.Page[views.Webhook]:
    """The newest first."""
    return page_by(tx, _webhooks(), webhooks.c.id, limit, cursor, _view, falling=True)


def read_webhook(tx: Connection, webhook: int) -> views.Webhook:
    """One of them; NotFound when there is none."""
    row = tx.execute(_webhooks().where(webhooks.c.id == webhook)).one_or_none()
    if row is None:
        raise NotFound(f"there is no webhook {webhook}")
    return _view(row)


def list_deliveries(
    tx: Connection, webhook: int, limit: int, cursor: str | None = None, *, dead: bool
) -> views.Page[views.Delivery]:
    """What was given up, or is still to be sent, the oldest first. NotFound when there is no such webhook."""
    read_webhook(tx, webhook)
    query = select(deliveries).where(deliveries.c.webhook_id == webhook)
    query = query.where(deliveries.c.dead_at.is_not(None) if dead else deliveries.c.dead_at.is_(None))
    return page_by(tx, query, deliveries.c.id, limit, cursor, _delivery)


def _webhooks() -> Select[Any]:
    some = select(deliveries.c.id).where(deliveries.c.webhook_id == webhooks.c.id)
    dead = deliveries.c.dead_at.is_not(None)
    return select(webhooks, some.where(~dead).exists().label("waiting"), some.where(dead).exists().label("dead"))


def _view(row: Row[Any]) -> views.Webhook:
    return views.Webhook(**{name: getattr(row, name) for name in views.Webhook.model_fields})


def _delivery(row: Row[Any]) -> views.Delivery:
    return views.Delivery(**{name: getattr(row, name) for name in views.Delivery.model_fields})
