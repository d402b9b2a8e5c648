"""What happens to all jobs, live: over real connections, an API that is stopped and one that is killed."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine, text

from orchestrator.api import event_stream
from orchestrator.api.event_stream import EventStream
from orchestrator.domain.batch_job import JobEvent, JobState
from orchestrator.stack.ports import free_port
from orchestrator.stack.wait import wait_until
from orchestrator.storage.history import record
from orchestrator.storage.queries import happened
from orchestrator.storage.transitions import move_job
from tests.integration.api.rows import add_job

ALL = "/api/v1/events"


class Heard:
    """The events of a stream as they come, and the last id."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self.last = lines, ""

    def next(self) -> dict[str, Any]:
        """The next event; its name is ``_``."""
        name, data = "message", ""
        for line in self._lines:
            label, _, value = line.partition(": ")
            if label == "id":
                self.last = value
            elif label == "data":
                data = value
            elif label == "event":
                name = value
            elif not line and data:
                return json.loads(data) | {"_": name}
        raise EOFError

    def begun(self) -> "Heard":
        """Once it has been told where it is."""
        while not self.last:
            label, _, value = next(self._lines).partition(": ")
            self.last = value if label == "id" else ""
        return self


@contextmanager
def listening(api: httpx.Client, last: str | None = None, **query: Any) -> Generator[Heard]:
    headers = {} if last is None else {"Last-Event-ID": last}
    with api.stream("GET", ALL, params=query, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        heard = Heard(answer.iter_lines())
        yield heard.begun() if last is None else heard


def pause(engine: Engine, job: int) -> None:
    with engine.begin() as tx:
        move_job(tx, job, JobState.STARTED, JobEvent.PAUSE_REQUESTED, actor="ann", reason="lunch")


def test_everything_is_told_as_it_happens(api: httpx.Client, engine: Engine):
    with engine.begin() as tx:
        job = add_job(tx, name="nightly")
    with listening(api) as heard:
        pause(engine, job)
        told = heard.next()
        with engine.begin() as tx:
            record(tx, job, "Redriven", actor="ann")
        assert heard.next()["event"] == "Redriven"
    assert re.fullmatch(r"\d+:\d+:[\d,]*", heard.last)
    assert told.pop("at")
    assert told == {
        "_": "message", "job": job, "seq": 3, "kind": "batch", "name": "nightly", "workflow": "copy", "site": "london",
        "owner": "admin", "parent": None, "event": "PauseRequested", "from": "Started", "to": "Pausing", "actor": "ann",
        "reason": "lunch", "comment": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [{"site": "oslo"}, {"workflow": ["x", "other"]}, {"owner": "eve"}, {"site": ["oslo"], "kind": "batch"}],
)
def test_only_what_is_asked_for_is_told(api: httpx.Client, engine: Engine, query: dict[str, Any]):
    with engine.begin() as tx:
        other, wanted = add_job(tx), add_job(tx, site="oslo", workflow="other", owner="eve")
    with listening(api, **query) as heard, listening(api, event="PauseRequested", kind="group") as nothing:
        pause(engine, other)
        pause(engine, wanted)
        assert heard.next()["job"] == wanted
        assert nothing.last
    assert api.get(ALL, params={"kind": "nonsense"}).status_code == 422


def test_what_was_written_by_a_transaction_that_was_open_is_not_missed(api: httpx.Client, engine: Engine):
    with engine.begin() as tx:
        first, second = add_job(tx), add_job(tx)
    with listening(api) as heard, engine.begin() as slow:
        move_job(slow, first, JobState.STARTED, JobEvent.PAUSE_REQUESTED)
        pause(engine, second)
        assert heard.next()["job"] == second
        mark = heard.last
    with listening(api, mark) as again:
        assert again.next()["job"] == first
        with engine.begin() as tx:
            record(tx, first, "Told", actor="ann")
        assert again.next()["event"] == "Told"


def test_who_was_away_too_long_is_told_to_look_anew(api: httpx.Client, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(happened, "MOST", 2)
    with engine.begin() as tx:
        job = add_job(tx)
    with listening(api) as heard:
        mark = heard.last
    for number in range(3):
        with engine.begin() as tx:
            record(tx, job, f"E{number}", actor="ann")
    with listening(api, mark) as heard:
        assert heard.next() == {"_": "reset"}
        with engine.begin() as tx:
            record(tx, job, "Later", actor="ann")
        assert heard.next()["event"] == "Later"
    # Of another database, or of this one before it was restored.
    with listening(api, "99999999999:99999999999:") as heard:
        assert heard.next() == {"_": "reset"}


@pytest.mark.parametrize("mark", ["7", "5:4:", "1:9:8,3", "1:9:12", "0:0:", "a:b:c", "1:2:" + "1," * 3000])
def test_what_is_no_mark_is_refused(api: httpx.Client, mark: str):
    refused = api.get(ALL, headers={"Last-Event-ID": mark})
    assert refused.status_code == 422
    assert "Last-Event-ID" in refused.text


def test_who_takes_nothing_is_let_go(api: httpx.Client, engine: Engine, app: FastAPI, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(EventStream, "_send", _impatient(EventStream._send))
    with engine.begin() as tx:
        job = add_job(tx)
    request = f"GET {ALL} HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['authorization']}\r\n\r\n"
    with socket.create_connection((api.base_url.host, api.base_url.port or 0)) as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(request.encode())
        assert wait_until(lambda: len(app.state.listeners) == 1, 10)
        said = "x" * 100_000

        def let_go() -> bool:
            with engine.begin() as tx:
                record(tx, job, "Said", actor="ann", comment=said)
            return not len(app.state.listeners)

        assert wait_until(let_go, 50)


def _impatient(send: Any) -> Any:
    async def sends(self: EventStream, *arguments: Any) -> None:
        self._stalled_s = 0.5
        await send(self, *arguments)

    return sends


class Api:
    """The API as a process of its own."""

    def __init__(self, database_url: str, home: str, port: int) -> None:
        settings = {"DATABASE_URL": database_url, "SECRET": "0123456789abcdef0123456789abcdef", "HOME": home}
        environment = {**os.environ, **{f"ORCHESTRATOR_{name}": value for name, value in settings.items()}}
        command = [sys.executable, "-m", "orchestrator.api", "--port", str(port)]
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        # As few as many systems begin with; it is still loading what it needs.
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (256, most))
        address = f"http://127.0.0.1:{port}/health/live"

        def answers() -> bool:
            try:
                return httpx.get(address, trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        assert wait_until(answers, 30)
        assert resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE) == (most, most)


class Follower(threading.Thread):
    """Listens, and comes back with the last id, as every client of server-sent events does."""

    def __init__(self, api: httpx.Client) -> None:
        super().__init__(daemon=True)
        self._api, self._last = api, None
        self.heard, self.breaks, self.over = list[tuple[int, int]](), list[str](), threading.Event()

    def run(self) -> None:
        heard: Heard | None = None
        while not self.over.is_set():
            try:
                with listening(self._api, heard.last if heard else None) as now:
                    now.last = now.last or (heard.last if heard else "")
                    heard = now
                    while True:
                        event = now.next()
                        self.heard.append((event["job"], event["seq"]))
            except EOFError:
                self.breaks.append("closed")
            except httpx.ConnectError:
                self.over.wait(0.05)
            except (httpx.TransportError, AssertionError):
                self.breaks.append("broken")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_missed_when_the_api_is_gone_for_a_while(
    database_url: str, engine: Engine, admin_key: str, tmp_path: Any, end: signal.Signals
):
    port = free_port()
    with engine.begin() as tx:
        job = add_job(tx)
    writer = create_engine(engine.url)
    first = Api(database_url, str(tmp_path), port)
    headers = {"Authorization": f"Bearer {admin_key}"}
    second: Api | None = None
    written = 2

    def write() -> None:
        nonlocal written
        with writer.begin() as tx:
            tx.execute(text("select from jobs where id = :job for update"), {"job": job})
            record(tx, job, "Said", actor="ann")
        written += 1

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=30) as client:
        follower = Follower(client)
        follower.start()
        try:

            def heard_one() -> bool:
                write()
                return bool(follower.heard)

            assert wait_until(heard_one, 20)
            first.process.send_signal(end)
            for _ in range(5):
                write()
            first.process.wait(30)
            for _ in range(5):
                write()
            second = Api(database_url, str(tmp_path), port)
            write()
            assert wait_until(lambda: (job, written) in follower.heard, 20)
        finally:
            follower.over.set()
            for api in (first, second):
                if api is not None:
                    api.process.kill()
                    api.process.wait()
            follower.join(20)
            writer.dispose()
    begun = follower.heard[0][1]
    assert list(dict.fromkeys(follower.heard)) == [(job, seq) for seq in range(begun, written + 1)]
    # One that is told to stop ends its streams as they should end; one that is killed does not.
    assert follower.breaks[0] == ("closed" if end == signal.SIGTERM else "broken")


def test_a_stream_has_what_keeps_it_open(api: httpx.Client, app: FastAPI):
    app.state.news._quiet_s = 0.05
    with api.stream("GET", ALL) as answer:
        lines = answer.iter_lines()
        assert next(lines) == f"retry: {event_stream.AGAIN_MS}"
        assert answer.headers["x-accel-buffering"] == "no"
        # The first may come before it is known where they are.
        assert any(before == ": nothing new" and line.startswith("id: ") for before, line in pairwise(lines))
