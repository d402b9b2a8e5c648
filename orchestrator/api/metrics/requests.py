"""What this process does: its requests and how long they take, and who listens to it."""

import re
import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.logs import about

_NONE = "none"
"""Stands for the route of what came to none, so that what strangers ask for makes no series."""
_OF = re.compile(r"/(job|task)s/(\d{1,19})(?=/|$)")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """Counts requests by their route, never by their address: the ids in it are without number."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route")
        self._answered = Counter(
            "orchestrator_http_requests", "Requests answered by this process.", (*labels, "status"), registry=registry
        )
        self._seconds = Histogram(
            "orchestrator_http_request_duration_seconds",
            "From a request's arrival to the beginning of its answer; a stream of events goes on after that.",
            labels,
            registry=registry,
        )

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        """A request was answered."""
        route: Any = scope.get("route")
        method: str = scope["method"] if scope["method"] in _METHODS else _NONE
        path: str = getattr(route, "path", _NONE)
        self._answered.labels(method, path, str(status)).inc()
        self._seconds.labels(method, path).observe(seconds)


class Observed:
    """The application, with its requests counted, and told of in what is logged."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app, self._requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def note_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._requests.note(scope, message["status"], time.monotonic() - began)
            await send(message)

        with about(request=f"{scope['method']} {scope['path']}", **_named(scope["path"])):
            await self._app(scope, receive, note_and_send)


def _named(path: str) -> dict[str, int]:
    """The job or task that an address names."""
    return {kind: int(number) for kind, number in _OF.findall(path)}


def watch_process(registry: CollectorRegistry) -> None:
    """Let Prometheus' own collectors tell of memory, processor time, open files and Python."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
