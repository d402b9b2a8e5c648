"""Who there is: users, their keys, and what they did."""

from collections.abc import Sequence

from orchestrator.client.ask import Ask, delete, get, listed, make, post, said, segment
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Access:
    """What has to do with users, keys and the audit."""

    @Listing
    def users(self, *, limit: int | None = None) -> Ask[Page[views.User]]:
        """Users, by name."""
        return listed("/users", views.User, limit=limit)

    @Operation
    def user(self, name: str) -> Ask[views.User]:
        """One user, with roles and groups."""
        return get(f"/users/{segment(name)}", views.User)

    @Operation
    def create_user(self, name: str, roles: list[str], groups: list[str] | None = None) -> Ask[views.User]:
        """Say who there is."""
        return make("/users", views.User, said(name=name, roles=roles, groups=groups))

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

    @Operation
    def group(self, name: str) -> Ask[views.Group]:
        """One group, with its members."""
        return get(f"/groups/{segment(name)}", views.Group)

    @Operation
    def add_to_group(self, name: str, members: Sequence[str] = ()) -> Ask[views.Group]:
        """Put users into a group, which is made where there is none of this name."""
        return make("/groups", views.Group, {"name": name, "members": list(members)})

    @Operation
    def delete_group(self, name: str) -> Ask[None]:
        """Take a group away; its members stay."""
        return delete(f"/groups/{segment(name)}")

    @Listing
    def keys(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.Key]]:
        """API keys, the newest first, never the keys themselves: ``user``, ``live``."""
        return listed("/keys", views.Key, limit=limit, **filters)

    @Operation
    def key(self, key_id: int) -> Ask[views.Key]:
        """One of them."""
        return get(f"/keys/{key_id}", views.Key)

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
