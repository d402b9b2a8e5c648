"""Sites, as they announce themselves and as their work goes."""

from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.requires import Db, NoQuery, PageQuery, needs
from orchestrator.contracts import views
from orchestrator.domain.roles import Permission
from orchestrator.storage.queries import sites
from orchestrator.storage.queries.snapshot import snapshot

router = APIRouter(tags=["sites"])
_READ = [needs(Permission.READ)]


@router.get("/sites", dependencies=_READ, summary="List sites, by name")
def list_sites(engine: Db, query: Annotated[PageQuery, Query()]) -> views.Page[views.Site]:
    """Every site that has ever announced itself."""
    with snapshot(engine) as tx:
        return sites.list_sites(tx, query.limit, query.cursor)


@router.get("/sites/{name}", dependencies=_READ, summary="One site")
def read_site(name: str, engine: Db, _query: NoQuery) -> views.Site:
    """`health` is critical when work waits and nothing moves, whoever may be there."""
    with snapshot(engine) as tx:
        return sites.read_site(tx, name)
