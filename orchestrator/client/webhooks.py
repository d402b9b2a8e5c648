"""Webhooks: whom to tell of what happens to jobs."""

from orchestrator.client.ask import Ask, delete, get, listed, make, post, said
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Webhooks:
    """What has to do with webhooks."""

    @Operation
    def add_webhook(self, url: str, **more: object) -> Ask[views.NewWebhook]:
        """Tell an address of what happens to jobs: ``events``, ``workflow``. Its key is told this once."""
        return make("/webhooks", views.NewWebhook, said(url=url, **more))

    @Listing
    def webhooks(self, *, limit: int | None = None) -> Ask[Page[views.Webhook]]:
        """Where events are sent to."""
        return listed("/webhooks", views.Webhook, limit=limit)

    @Operation
    def delete_webhook(self, webhook_id: int) -> Ask[None]:
        """Send nothing more there."""
        return delete(f"/webhooks/{webhook_id}")

    @Operation
    def webhook(self, webhook_id: int) -> Ask[views.Webhook]:
        """One of them, and how it fares."""
        return get(f"/webhooks/{webhook_id}", views.Webhook)

    @Listing
    def deliveries(
        self, webhook_id: int, *, dead: bool | None = None, limit: int | None = None
    ) -> Ask[Page[views.Delivery]]:
        """What was given up, the oldest first; with ``dead=False`` what is still to be sent."""
        return listed(f"/webhooks/{webhook_id}/deliveries", views.Delivery, dead=dead, limit=limit)

    @Operation
    def send_deliveries(self, webhook_id: int) -> Ask[views.SentAgain]:
        """Send all that was given up once more."""
        return post(f"/webhooks/{webhook_id}/send", views.SentAgain)

    @Operation
    def send_delivery(self, webhook_id: int, delivery_id: int) -> Ask[views.SentAgain]:
        """Send one of them once more."""
        return post(f"/webhooks/{webhook_id}/deliveries/{delivery_id}/send", views.SentAgain)
