"""Many submissions over one connection: each is answered while the body still comes; and connections that break."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from orchestrator.api import answered_lines, submitter
from orchestrator.services.define import create
from orchestrator.stack.wait import wait_until
from tests.integration.api.conftest import served
from tests.integration.api.test_sites import add_site

GOOD = {"workflow": "copy", "site": "london", "paths": ["/data/a"]}


@pytest.fixture
def copy(engine: Engine) -> None:
    with engine.begin() as tx:
        add_site(tx, "london", functions=("worker", "discovery"))
        create(tx, {"name": "copy", "filter_rules": [{"action": [{"name": "noop"}]}]}, "admin")


class Sender:
    """Somebody who sends lines over a connection of their own, and reads answers when they want to."""

    def __init__(self, address: tuple[str, int], key: str, **headers: str) -> None:
        self.socket = socket.create_connection(address, timeout=20)
        head = {
            "Host": "x",
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/x-ndjson",
            "Transfer-Encoding": "chunked",
            **headers,
        }
        said = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.socket.sendall(f"POST /api/v1/jobs/batch HTTP/1.1\r\n{said}\r\n".encode())
        self._answer: http.client.HTTPResponse | None = None

    def send(self, *lines: object) -> None:
        self.raw(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def raw(self, piece: bytes) -> None:
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))

    def end(self) -> None:
        self.socket.sendall(b"0\r\n\r\n")

    def answer(self) -> dict[str, Any]:
        """The next line that is answered."""
        return json.loads(self._read().readline())

    def rest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._read().read().splitlines()]

    def _read(self) -> http.client.HTTPResponse:
        if self._answer is None:
            self._answer = http.client.HTTPResponse(self.socket)
            self._answer.begin()
            assert self._answer.status == 200
        return self._answer


@pytest.fixture
def sender(address: tuple[str, int], admin_key: str, copy: None) -> Iterator[Sender]:
    one = Sender(address, admin_key)
    yield one
    one.socket.close()


def jobs(engine: Engine) -> int:
    with engine.begin() as tx:
        return tx.scalar(text("select count(*) from jobs")) or 0


def whole(engine: Engine) -> bool:
    """No job without its plan, its discovery and its counters."""
    with engine.begin() as tx:
        return not tx.scalar(
            text("""
            select count(*) from jobs j where not exists (select from job_steps s where s.job_id = j.id)
              or not exists (select from discoveries d where d.job_id = j.id)
              or not exists (select from progress p where p.job_id = j.id)
            """)
        )


def test_a_line_is_answered_before_the_next_is_sent(sender: Sender, engine: Engine) -> None:
    for line in range(1, 4):
        sender.send(GOOD)
        told = sender.answer()
        assert (told["line"], told["status"]) == (line, 201)
        assert jobs(engine) == line, "what is answered is done"
    sender.raw(b'{"workflow": "no')
    sender.raw(b'ne", "site": "london", "paths": ["/a"]}\n\n')
    told = sender.answer()
    assert (told["line"], told["status"]) == (4, 422)
    sender.raw(json.dumps(GOOD).encode())
    sender.end()
    [told] = sender.rest()
    assert (told["line"], told["status"]) == (6, 201)


def test_what_was_answered_is_done_when_the_connection_closes_in_the_middle(
    sender: Sender, address: tuple[str, int], admin_key: str, engine: Engine
) -> None:
    sender.send(GOOD)
    assert sender.answer()["status"] == 201
    sender.raw(json.dumps(GOOD).encode()[:20])
    sender.socket.close()
    after = Sender(address, admin_key)
    after.send(GOOD)
    assert after.answer()["line"] == 1, "others go on"
    after.end()
    assert jobs(engine) == 2, "half a line is none"
    assert whole(engine)
    after.socket.close()


def test_with_a_key_the_lines_are_sent_again_after_a_break(
    address: tuple[str, int], admin_key: str, copy: None, engine: Engine
) -> None:
    first = Sender(address, admin_key, **{"Idempotency-Key": "night"})
    first.send(GOOD, GOOD, GOOD)
    job = first.answer()["job_id"]
    first.socket.close()
    again = Sender(address, admin_key, **{"Idempotency-Key": "night"})
    again.send(GOOD, GOOD, GOOD, GOOD)
    again.end()
    told = again.rest()
    assert [one["line"] for one in told] == [1, 2, 3, 4]
    assert (told[0]["job_id"], told[0]["status"]) == (job, 200)
    assert jobs(engine) == len({one["job_id"] for one in told}) == 4
    assert whole(engine)
    again.socket.close()


@pytest.fixture
def narrow(app: FastAPI, admin_key: str, copy: None) -> Iterator[Sender]:
    """Over a connection that holds little of what is not read."""
    with served(app, holds=16 * 1024) as address:
        one = Sender(address, admin_key)
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        yield one
        one.socket.close()


WRONG = {f"unknown_{place}_{'x' * 80}": 1 for place in range(20)}
"""Its answer has some 2,000 bytes."""


def test_who_sends_all_before_reading_anything_gets_all_answers(narrow: Sender, engine: Engine) -> None:
    """Sender and service would wait for each other for ever, were the body not read on."""
    for _ in range(20):
        narrow.send(*(WRONG for _ in range(20)))
    narrow.send(GOOD)
    narrow.end()
    assert wait_until(lambda: jobs(engine) == 1, 60)
    told = narrow.rest()
    assert [one["line"] for one in told] == list(range(1, 402))
    assert sum(len(json.dumps(one)) for one in told) > 500_000


def test_who_does_not_take_the_answers_is_let_go(
    narrow: Sender, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answered_lines, "STALLED_S", 0.5)
    with caplog.at_level("INFO", answered_lines.log.name):
        for _ in range(20):
            narrow.send(*(WRONG for _ in range(20)))
        narrow.send(GOOD)
        narrow.end()
        assert wait_until(lambda: "answers were not taken" in caplog.text, 60)
    assert jobs(engine) == 1, "all that was sent is done, whether anybody listens or not"
    assert whole(engine)


def test_a_body_that_stops_coming_is_ended_with_an_answer(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitter, "SILENCE_S", 0.5)
    sender.send(GOOD)
    first, last = sender.rest()
    assert (first["line"], first["status"]) == (1, 201)
    assert (last["line"], last["status"], last["detail"]) == (2, 408, "nothing came for 0.5 seconds")


def test_limits_of_lines_are_told_in_the_last_answer(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    monkeypatch.setattr(submitter, "MOST_LINES", 3)
    sender.send(GOOD, GOOD, GOOD, GOOD, GOOD)
    told = sender.rest()
    assert [(one["line"], one["status"]) for one in told] == [(1, 201), (2, 201), (3, 201), (4, 413)]
    assert told[-1]["detail"] == "more than 3 lines"
    assert jobs(engine) == 3


def test_a_line_that_is_too_long_is_told_in_the_last_answer(sender: Sender, engine: Engine) -> None:
    sender.send(GOOD)
    assert sender.answer()["status"] == 201
    for _ in range(17):
        sender.raw(b" " * 65536)
    [told] = sender.rest()
    assert (told["line"], told["status"]) == (2, 413)
    assert "longer than 1048576 bytes" in told["detail"]
    assert jobs(engine) == 1
