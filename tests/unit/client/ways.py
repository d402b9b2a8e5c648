"""One of the two clients, driven as if it were synchronous; and what the API would have told it."""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator.client import AsyncClient, Client
from orchestrator.contracts.views import Job
from tests.unit.client.stage import Asked, Play, staged

COUNTS = dict.fromkeys(("Pending", "Started", "Success", "Error", "Failure", "Skipped", "Cancelled"), 0)
PATHS = dict.fromkeys(("total", "processed", "skipped", "failed", "aborted", "cancelled", "unmatched"), 0)
PROGRESS = {"done": 1, "total": 2, "total_is_final": True, "percent": 50.0, "rate_per_s": 1.0, "eta": None}
AT = "2030-01-31T22:00:00Z"


def job(id: int = 12, state: str = "Started", **more: Any) -> dict[str, Any]:
    """A job as the API tells it; a word that this client does not know is no harm."""
    plain: dict[Any, Any] = {bool: False, int: 0, float: 0.0, str: ""}
    absent = {name: plain.get(field.annotation) for name, field in Job.model_fields.items() if field.is_required()}
    known = {
        "id": id, "kind": "batch", "state": state, "queue": "default", "priority": 5, "owner": "admin", "fields": {},
        "created_at": AT, "discovery": {"state": "Closed", "found": 2}, "tasks": COUNTS, "paths": PATHS, "steps": [],
        "progress": PROGRESS, "attributes": {}, "holds": [], "depends_on": [], "legal_events": [],
    }  # fmt: skip
    return {**absent, **known, **more, "of a later version": 1}


def told(seq: int, state: str) -> str:
    data = {"seq": seq, "state": state, "from": "Pending", "tasks": COUNTS, "paths": PATHS, "progress": PROGRESS}
    return f"id: {seq}\ndata: {json.dumps(data)}\n\n"


@dataclass
class Way:
    """One of the two clients, driven as if it were synchronous."""

    plays: list[Play]
    asked: Asked
    url: str
    waits: bool

    def do(self, what: Callable[[Any], Any], **options: Any) -> Any:
        """What comes of something that is done with a new client."""
        if self.waits:
            with Client(self.url, "a-key", **options) as client:
                done = what(client)
                return list(done) if inspect.isgenerator(done) else done

        async def run() -> Any:
            async with AsyncClient(self.url, "a-key", **options) as client:
                done = what(client)
                return [item async for item in done] if inspect.isasyncgen(done) else await done

        return asyncio.run(run())

    def wait(self, **options: Any) -> Any:
        """Submit a job and wait for it."""
        if self.waits:
            return self.do(lambda client: client.submit("w", "london", ["/in"]).wait(**options))

        async def submitted(client: AsyncClient) -> Job:
            handle = await client.submit("w", "london", ["/in"])
            return await handle.wait(**options)

        return self.do(submitted)


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with staged() as (plays, asked, url):
        yield Way(plays, asked, url, request.param == "sync")
