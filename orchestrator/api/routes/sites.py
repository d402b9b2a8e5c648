"""Sites, as they announce themselves and as their work goes; and whether they are given any."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, BackgroundTasks, Query
from sqlalchemy import Connection

from orchestrator.api.bodies import JSON, Body, RawBody, taking
from orchestrator.api.requires import AllParts, NoQuery, PageQuery, Parts, Who, needs
from orchestrator.broker.wake import wake
from orchestrator.contracts import views
from orchestrator.contracts.control import Asked, SiteAsked
from orchestrator.domain.roles import Permission
from orchestrator.services import restart
from orchestrator.services.drain import Locked, Part, Stance, direct, locked
from orchestrator.services.keys import Caller
from orchestrator.storage.queries import sites
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["sites"])
_READ, _FLEET = [needs(Permission.READ)], [needs(Permission.FLEET)]
_ASKED = taking(SiteAsked, JSON, required=False)
_REFUSAL = "a site can not be asked for that"


@router.get("/sites", dependencies=_READ, summary="List sites, by name")
def list_sites(parts: AllParts, query: Annotated[PageQuery, Query()]) -> views.Page[views.Site]:
    """Every site that has ever announced itself."""
    with snapshot(parts.engine) as tx:
        page = sites.list_sites(tx, query.limit, query.cursor)
    return views.Page[views.Site](items=[_linked(parts, site) for site in page.items], next_cursor=page.next_cursor)


@router.get("/sites/{name}", dependencies=_READ, summary="One site")
def read_site(name: str, parts: AllParts, _query: NoQuery) -> views.Site:
    """`health` is critical when work waits and nothing moves, whoever may be there."""
    with snapshot(parts.engine) as tx:
        return _linked(parts, sites.read_site(tx, name))


@router.post("/sites/{name}/enable", dependencies=_FLEET, status_code=202, openapi_extra=_ASKED)
def enable_site(
    name: str, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Site:
    """Give it work again: the end of disabled and of draining. Asking again changes nothing.

    With `queue` or `function`: the end of what was asked for with the same; here and in the two below.
    """
    return _directed(parts, name, Stance.ENABLE, who, body, background)


@router.post("/sites/{name}/disable", dependencies=_FLEET, status_code=202, openapi_extra=_ASKED)
def disable_site(
    name: str, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Site:
    """Give it nothing new; what it has been handed is finished. Asking again changes nothing."""
    return _directed(parts, name, Stance.DISABLE, who, body, background)


@router.post("/sites/{name}/drain", dependencies=_FLEET, status_code=202, openapi_extra=_ASKED)
def drain_site(
    name: str, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Site:
    """Give it nothing new, and take back what it has not begun; what runs is finished, walks stop at a checkpoint.

    `drained` says when nothing is with it any more. Asking again changes nothing.
    """
    return _directed(parts, name, Stance.DRAIN, who, body, background)


@router.post("/sites/{name}/restart", dependencies=_FLEET, status_code=202, openapi_extra=_ASKED)
def restart_site(
    name: str, parts: AllParts, who: Who, body: RawBody, background: BackgroundTasks, _query: NoQuery
) -> views.Site:
    """Let its workers begin anew, one after the other, so that newly installed plugins are taken up.

    Each finishes what it runs and gives back what it has not begun; nothing is killed, and nothing costs a try.
    `restart` says how far it is. Asking again begins anew.
    """

    def ask(tx: Connection, site: Locked) -> None:
        restart.ask(tx, site, who.user, body.model(Asked, _REFUSAL).reason)

    return _asked(parts, name, who, background, ask)


def _directed(
    parts: Parts, name: str, stance: Stance, who: Caller, body: Body, background: BackgroundTasks
) -> views.Site:
    def ask(tx: Connection, site: Locked) -> None:
        asked = body.model(SiteAsked, _REFUSAL)
        direct(tx, site, stance, who.user, asked.reason, Part(asked.queue, asked.function))

    return _asked(parts, name, who, background, ask)


def _asked(
    parts: Parts, name: str, who: Caller, background: BackgroundTasks, ask: Callable[[Connection, Locked], None]
) -> views.Site:
    """Ask it of the site, answer with the site as it then is, and wake the hub."""
    who.must_reach(name, None)
    with parts.engine.begin() as tx:
        ask(tx, locked(tx, name))
        site = sites.read_site(tx, name)
    background.add_task(wake, parts.redis_url)
    return _linked(parts, site)


def _linked(parts: Parts, site: views.Site) -> views.Site:
    """The site with the way to Flower."""
    if parts.flower_url is None:
        return site
    base = parts.flower_url.rstrip("/")
    nodes = [node.model_copy(update={"flower_url": f"{base}/worker/{quote(node.node)}"}) for node in site.nodes]
    return site.model_copy(update={"flower_url": f"{base}/workers", "nodes": nodes})
