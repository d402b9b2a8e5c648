"""Sites, and what is held at them."""

from orchestrator.client.ask import Ask, delete, get, listed, make, post, said, segment
from orchestrator.client.operation import Listing, Operation
from orchestrator.contracts import views
from orchestrator.contracts.views import Page


class Sites:
    """What has to do with sites and with holds."""

    @Listing
    def sites(self, *, limit: int | None = None) -> Ask[Page[views.Site]]:
        """Sites, by name."""
        return listed("/sites", views.Site, limit=limit)

    @Operation
    def site(self, name: str) -> Ask[views.Site]:
        """One site, its nodes, queues and actions."""
        return get(f"/sites/{segment(name)}", views.Site)

    @Operation
    def enable_site(self, name: str, **part: object) -> Ask[views.Site]:
        """Give it, or a ``queue`` or ``function`` of it, work again."""
        return post(f"/sites/{segment(name)}/enable", views.Site, said(**part))

    @Operation
    def disable_site(self, name: str, **part: object) -> Ask[views.Site]:
        """Give it nothing new; what it has is finished."""
        return post(f"/sites/{segment(name)}/disable", views.Site, said(**part))

    @Operation
    def drain_site(self, name: str, **part: object) -> Ask[views.Site]:
        """Give it nothing new, and take back what it has not begun."""
        return post(f"/sites/{segment(name)}/drain", views.Site, said(**part))

    @Operation
    def restart_site(self, name: str, reason: str | None = None) -> Ask[views.Site]:
        """Let its workers begin anew, one after the other."""
        return post(f"/sites/{segment(name)}/restart", views.Site, said(reason=reason))

    @Operation
    def hold(self, scope: dict[str, object], reason: str, until: str | None = None) -> Ask[views.Hold]:
        """Hand out nothing of a ``job``, ``site``, ``queue``, ``workflow``, ``owner`` or ``path_prefix``."""
        return make("/holds", views.Hold, said(scope=scope, reason=reason, until=until))

    @Listing
    def holds(self, *, limit: int | None = None, **filters: object) -> Ask[Page[views.Hold]]:
        """The open ones: ``job``; with ``released`` those of before, too."""
        return listed("/holds", views.Hold, limit=limit, **filters)

    @Operation
    def release_hold(self, hold_id: int, reason: str | None = None) -> Ask[views.Hold]:
        """Let it go on."""
        return delete(f"/holds/{hold_id}", views.Hold, said(reason=reason))
