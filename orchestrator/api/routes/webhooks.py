"""Webhooks: where events of jobs are sent to, and what could not be delivered."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from orchestrator.api.bodies import JSON, RawBody, taking
from orchestrator.api.idempotency import Once
from orchestrator.api.requires import AllParts, Db, NoQuery, PageQuery, Who, needs
from orchestrator.contracts import views
from orchestrator.contracts.webhook import WebhookAsked, shown_key, webhook_key
from orchestrator.domain.roles import Permission
from orchestrator.services.webhooks import add_webhook, end_webhook, send_again
from orchestrator.storage.queries import webhooks
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["webhooks"], dependencies=[needs(Permission.WEBHOOKS)])
WebhookId = Annotated[int, Path(ge=1, le=2**63 - 1, description="the webhook's id")]


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    dead: bool = Field(True, description="those that were given up; false: those that are still to be sent")


@router.post("/webhooks", status_code=201, openapi_extra=taking(WebhookAsked, JSON), summary="Make a webhook")
def create_webhook(parts: AllParts, who: Who, body: RawBody, once: Once, _query: NoQuery) -> views.NewWebhook:
    """The answer is the only place where its key is shown: what is sent is signed with it."""
    asked = body.model(WebhookAsked, "the webhook can not be made")
    with parts.engine.begin() as tx:
        id = once.make(tx, lambda: add_webhook(tx, asked, who.user, private=parts.webhooks_private))
        made = webhooks.read_webhook(tx, id)
    return views.NewWebhook(**made.model_dump(), key=shown_key(webhook_key(parts.secret, made.id)))


@router.get("/webhooks", summary="List webhooks, the newest first")
def list_webhooks(engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.Webhook]:
    """With how they fare."""
    with snapshot(engine) as tx:
        return webhooks.list_webhooks(tx, query.limit, query.cursor)


@router.get("/webhooks/{webhook_id}", summary="One webhook")
def read_webhook(webhook_id: WebhookId, engine: Db, _query: NoQuery) -> views.Webhook:
    """With how it fares."""
    with snapshot(engine) as tx:
        return webhooks.read_webhook(tx, webhook_id)


@router.delete("/webhooks/{webhook_id}", status_code=204, summary="End a webhook")
def delete_webhook(webhook_id: WebhookId, engine: Db, who: Who, _query: NoQuery) -> None:
    """What is still to be sent to it is forgotten."""
    with engine.begin() as tx:
        end_webhook(tx, webhook_id, who.user)


@router.get("/webhooks/{webhook_id}/deliveries", summary="What could not be delivered")
def list_deliveries(
    webhook_id: WebhookId, engine: Db, query: Annotated[DeliveriesQuery, Query()]
) -> views.Page[views.Delivery]:
    """The oldest first."""
    with snapshot(engine) as tx:
        return webhooks.list_deliveries(tx, webhook_id, query.limit, query.cursor, dead=query.dead)


@router.post("/webhooks/{webhook_id}/send", summary="Send all that was given up once more")
def send_all(webhook_id: WebhookId, engine: Db, who: Who, _query: NoQuery) -> views.SentAgain:
    """At once, whatever its pause is."""
    with engine.begin() as tx:
        return views.SentAgain(deliveries=send_again(tx, webhook_id, None, who.user))


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/send", summary="Send one once more")
def send_one(
    webhook_id: WebhookId,
    delivery_id: Annotated[int, Path(ge=1, le=2**63 - 1, description="the delivery's id")],
    engine: Db,
    who: Who,
    _query: NoQuery,
) -> views.SentAgain:
    """One that was given up."""
    with engine.begin() as tx:
        return views.SentAgain(deliveries=send_again(tx, webhook_id, delivery_id, who.user))
