"""Metrics, where Prometheus looks for them: outside ``/api/v1``. With a key, since they tell of sites."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from orchestrator.api.metrics.exposition import Exposition
from orchestrator.api.requires import NoQuery, needs
from orchestrator.domain.roles import Permission

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    dependencies=[needs(Permission.READ)],
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "All metrics"}},
)
def metrics(request: Request, _query: NoQuery, accept: Annotated[str, Header()] = "") -> Response:
    """Requests, latencies and listeners are of this process; all else is of the whole installation.

    In the text format of Prometheus, or that of OpenMetrics where it is asked for.
    """
    exposition: Exposition = request.app.state.exposition
    content, kind = exposition.scraped(accept)
    return Response(content, media_type=None, headers={"Content-Type": kind})
