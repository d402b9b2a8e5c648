"""Who there is: users, their keys, what they did, and whom to tell of it."""

from orchestrator.client.ask import Ask, delete, get, listed, post, said, segment
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Access:
    """What has to do with users, keys, the audit and webhooks."""

    @Listing
    def users(self, *, limit: int | None = None) -> Ask[Page[views.User]]:
        """Users, by name."""
        return listed("/users", views.User, limit=limit)

    @Operation
    def create_user(self, name: str, roles: list[str], groups: list[str] | None = None) -> Ask[views.User]:
        """Say who there is."""
        return post("/users", views.User, said(name=name, roles=roles, groups=groups))

    @Operation
    def change_user(self, name: str, **what: object) -> Ask[views.User]:
        """Change a user's ``roles`` or ``groups``."""
        return Ask(method="PATCH", path=f"/users/{segment(name)}", answer=views.User, document=what)

    @Operation
    def delete_user(self, name: str) -> Ask[None]:
        """Take a user away, and their keys."""
        return delete(f"/users/{segment(name)}")

    @Listing
    def groups(self, *, limit: int | None = None) -> Ask[Page[views.Group]]:
        """Groups, with their members."""
        return listed("/groups", views.Group, limit=limit)

    @Listing
    def keys(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.Key]]:
        """API keys, the newest first, never the keys themselves: ``user``, ``live``."""
        return listed("/keys", views.Key, limit=limit, **filters)

    @Operation
    def create_key(self, user: str, **more: object) -> Ask[views.NewKey]:
        """Make a key, which is told this once: ``label``, ``roles``, ``site``, ``workflow``, ``expires_at``."""
        return post("/keys", views.NewKey, said(user=user, **more))

    @Operation
    def rotate_key(self, key_id: int, overlap_s: float | None = None) -> Ask[views.NewKey]:
        """Make one in its place; the old one works for a while longer."""
        return post(f"/keys/{key_id}/rotate", views.NewKey, said(overlap_s=overlap_s))

    @Operation
    def revoke_key(self, key_id: int) -> Ask[None]:
        """End it, everywhere, within 5 s."""
        return delete(f"/keys/{key_id}")

    @Listing
    def audit(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.AuditEntry]]:
        """Who did what to what, the newest first: ``actor``, ``action``, ``subject``, ``after``, ``before``."""
        return listed("/audit", views.AuditEntry, limit=limit, **filters)

    @Operation
    def add_webhook(self, url: str, **more: object) -> Ask[views.NewWebhook]:
        """Tell an address of what happens to jobs: ``events``, ``workflow``. Its key is told this once."""
        return post("/webhooks", views.NewWebhook, said(url=url, **more))

    @Listing
    def webhooks(self, *, limit: int | None = None) -> Ask[Page[views.Webhook]]:
        """Where events are sent to."""
        return listed("/webhooks", views.Webhook, limit=limit)

    @Operation
    def delete_webhook(self, webhook_id: int) -> Ask[None]:
        """Send nothing more there."""
        return delete(f"/webhooks/{webhook_id}")

    @Operation
    def durations(self, **of: object) -> Ask[views.DurationReport]:
        """How long tasks of task groups took: ``task_group``, ``parent``."""
        return get("/reports/durations", views.DurationReport, **of)
