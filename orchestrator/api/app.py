"""The application: the routes, the gate before them, and the problem documents after them."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, compile_path

import orchestrator
from orchestrator.api.body_limit import MIB, BodyLimit, largest
from orchestrator.api.callers import Callers
from orchestrator.api.denied import Denials
from orchestrator.api.feed import Feed
from orchestrator.api.gate import Door, Gate
from orchestrator.api.listener import Listeners
from orchestrator.api.looks import look_at_all, look_at_jobs
from orchestrator.api.metrics.exposition import Exposition
from orchestrator.api.metrics.requests import Observed
from orchestrator.api.moves import moves_of
from orchestrator.api.news import News
from orchestrator.api.openapi import describe, permission_of
from orchestrator.api.problems import response_to
from orchestrator.api.requires import Parts
from orchestrator.api.routes import (
    attachments,
    audit,
    bulk,
    control,
    edits,
    errors,
    events,
    health,
    holds,
    job_types,
    jobs,
    keys,
    ledger,
    logs,
    metrics,
    schedules,
    sites,
    stream,
    submit,
    task_groups,
    tasks,
    users,
    webhooks,
    workflows,
    worklist,
)
from orchestrator.domain.roles import Permission
from orchestrator.services.workspace import Workspaces
from orchestrator.storage.files import Files

PREFIX = "/api/v1"
OPENAPI_PATH = "/openapi.json"
ROUTERS: tuple[tuple[str, APIRouter], ...] = (
    (PREFIX, workflows.router),
    (PREFIX, submit.router),
    (PREFIX, bulk.router),
    (PREFIX, stream.router),
    (PREFIX, control.router),
    (PREFIX, jobs.router),
    (PREFIX, task_groups.router),
    (PREFIX, job_types.router),
    (PREFIX, attachments.router),
    (PREFIX, edits.router),
    (PREFIX, tasks.router),
    (PREFIX, worklist.router),
    (PREFIX, errors.router),
    (PREFIX, events.router),
    (PREFIX, logs.router),
    (PREFIX, ledger.router),
    (PREFIX, sites.router),
    (PREFIX, holds.router),
    (PREFIX, schedules.router),
    (PREFIX, keys.router),
    (PREFIX, users.router),
    (PREFIX, audit.router),
    (PREFIX, webhooks.router),
    ("", health.router),
    ("", metrics.router),
)


def make_app(
    engine: Engine,
    *,
    secret: bytes,
    redis_url: str | None,
    webhooks_private: bool = False,
    attachments_folder: Path | None = None,
    attachment_mib: int = 100,
    flower_url: str | None = None,
    workspaces: Path | None = None,
    edits_mib: int = 1024,
) -> FastAPI:
    """The API over a database; ``secret`` is the installation's, ``redis_url`` where the hub is woken.

    ``webhooks_private`` lets webhooks be at private addresses; attachments are kept in their folder, up to a size, and
    so is the data of edit jobs.
    """
    app = FastAPI(
        title="orchestrator",
        version=orchestrator.__version__,
        description="Work over very many paths at several sites.",
        openapi_url=OPENAPI_PATH,
        docs_url=None,  # its page would be fetched from a host that is not ours
        redoc_url=None,
        redirect_slashes=False,
    )
    app.router.routes.extend(_routes())
    app.state.parts = Parts(
        engine,
        secret,
        redis_url,
        webhooks_private,
        attachments_folder and Files(attachments_folder),
        workspaces and Workspaces(workspaces),
        edits_mib * MIB,
        flower_url,
    )
    app.state.callers = Callers(engine)
    app.state.listeners = Listeners()
    app.state.feed = Feed(look_at_jobs(engine), moves_of(engine.url), app.state.listeners)
    app.state.news = News(look_at_all(engine), app.state.listeners)
    app.state.exposition = Exposition(engine, redis_url, lambda: len(app.state.listeners))
    # FastAPI has answers of its own for these two; all else comes up to the gate.
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_middleware(BodyLimit, limit=lambda path: largest(path, attachment_mib * MIB, edits_mib * MIB))
    app.add_middleware(Gate, doors=doors(), callers=app.state.callers, denials=Denials(engine))
    app.add_middleware(Observed, requests=app.state.exposition.requests)
    app.openapi = lambda: describe(app, ROUTERS)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Every route, for all applications of a process: FastAPI takes long to prepare them, at the first request."""
    gathered = APIRouter()
    for prefix, router in ROUTERS:
        gathered.include_router(router, prefix=prefix)
    return gathered.routes


def doors(routers: Sequence[tuple[str, APIRouter]] = ROUTERS) -> list[Door]:
    """Every route, as the gate sees it; TypeError for one that does not say what it needs: it can not be served."""
    found = [Door(compile_path(OPENAPI_PATH)[0], frozenset({"GET"}), Permission.READ)]
    for prefix, router in routers:
        for route in router.routes:
            permission = permission_of(route) if isinstance(route, APIRoute) else None
            if not isinstance(route, APIRoute) or permission is None:
                raise TypeError(f"{route} declares no permission: give it dependencies=[needs(...)]")
            # What can not be an id is nothing at that address, and leaves it to others: /jobs/batch is no job.
            path, _, _ = compile_path(re.sub(r"\{(\w+_id)\}", r"{\1:int}", prefix + route.path))
            found.append(Door(path, frozenset(route.methods or ()), permission))
    return found


async def _answer(_: Request, error: Exception) -> Response:
    return response_to(error)
