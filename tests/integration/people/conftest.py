"""An API with a broker, and people with keys of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from orchestrator.api.app import make_app
from orchestrator.services.keys import ensure_admin_key
from tests.asking import asking
from tests.integration.api.conftest import SECRET, served

Document = dict[str, Any]


@dataclass
class Somebody:
    """A user of the API; what is refused is told by its status."""

    http: httpx.Client

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self.http.request(method, f"/api/v1{path}", json=body)

    def do(self, path: str, **body: object) -> Document:
        """A request that has to be carried out."""
        answer = self.ask("POST", path, body)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    def see(self, path: str) -> Document:
        answer = self.ask("GET", path)
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json()

    def refused(self, path: str, **body: object) -> tuple[int, list[str] | None]:
        """The status of a request that is refused, and the legal events that come with it."""
        answer = self.ask("POST", path, body)
        assert not answer.is_success, (path, answer.text)
        return answer.status_code, answer.json().get("legal_events")

    def rows(self, job: int) -> list[Document]:
        """The task list of a group job."""
        return self.see(f"/jobs/{job}/task-list")["items"]

    def statuses(self, job: int) -> list[tuple[str, int]]:
        return [(row["task"], row["code"]) for row in self.rows(job)]

    def history(self, job: int) -> list[tuple[str, str, str | None]]:
        """Event, actor and the state that it led to."""
        items = self.see(f"/jobs/{job}/history?limit=500")["items"]
        return [(entry["event"], entry["actor"], entry["to"]) for entry in items]


@dataclass
class People:
    """Everybody: the admin, and who is made as needed."""

    open: Callable[[str], Somebody]
    admin: Somebody
    known: dict[str, Somebody] = field(default_factory=dict)

    def __call__(self, name: str, *roles: str, groups: tuple[str, ...] = ()) -> Somebody:
        """The user of this name, who is made the first time, a worker unless it is said otherwise."""
        if name not in self.known:
            self.admin.do("/users", name=name, roles=list(roles or ["worker"]), groups=list(groups))
            self.known[name] = self.open(self.admin.do("/keys", user=name)["key"])
        return self.known[name]


@pytest.fixture
def app(engine: Engine, redis_url: str) -> FastAPI:
    return make_app(engine, secret=SECRET, redis_url=redis_url)


@pytest.fixture
def people(app: FastAPI, engine: Engine) -> Iterator[People]:
    with served(app) as (host, port), ExitStack() as opened:

        def open_as(key: str) -> Somebody:
            return Somebody(opened.enter_context(asking(f"http://{host}:{port}", key)))

        yield People(open_as, open_as(ensure_admin_key(engine)))


@pytest.fixture
def planner(people: People) -> Somebody:
    return people("pia", "planner")
