"""The gate denies what is not allowed, and answers what nobody else has."""

import asyncio
import logging
import re
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from orchestrator.api.callers import Callers
from orchestrator.api.denied import Denials
from orchestrator.api.gate import Door, Gate
from orchestrator.domain.roles import Permission, Role
from orchestrator.errors import Refused
from orchestrator.services.keys import Caller


class Known(Callers):
    def __init__(self, *roles: Role) -> None:
        self.caller = Caller("ann", frozenset(roles), 1)

    def recall(self, plain: str) -> Caller | None:
        return self.caller


class Deaf(Denials):
    def __init__(self) -> None:
        self.noted: list[str] = []

    def note(self, error: Refused, caller: Caller | None, method: str, path: str, client: str | None) -> None:
        self.noted.append(f"{caller and caller.user}: {method} {path}: {error.detail}")


async def _break(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("the secret is 4711")


def answer(permission: Permission, *roles: Role) -> tuple[int, bytes]:
    denials = Deaf()
    gate = Gate(_break, [Door(re.compile("^/x$"), frozenset({"GET"}), permission)], Known(*roles), denials)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("the body is not read")

    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/x", "headers": [(b"authorization", b"Bearer k")],
    }  # fmt: skip
    asyncio.run(gate(scope, receive, send))
    assert bool(denials.noted) == (sent[0]["status"] == 403)
    return sent[0]["status"], sent[1]["body"]


def test_a_role_that_does_not_grant_it_is_403():
    assert answer(Permission.KEYS, Role.VIEWER, Role.PLANNER)[0] == 403
    assert answer(Permission.READ)[0] == 403


def test_what_nobody_foresaw_is_500_told_to_the_log_and_not_to_the_caller(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        status, body = answer(Permission.READ, Role.VIEWER)
    assert status == 500
    assert b"4711" not in body
    name = re.search(rb"error ([0-9a-f]{16})", body)
    assert name is not None
    assert name[1].decode() in caplog.text
    assert "4711" in caplog.text
