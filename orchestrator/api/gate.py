"""The gate before every route: who is it (401), is there such a door (404, 405), may they (403); then the body.

It stands outside FastAPI's own handling because that reads the whole body first. An answer that goes on and on (live
events) ends when its key does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.callers import Callers
from orchestrator.api.denied import Denials
from orchestrator.api.problems import response_to
from orchestrator.domain.roles import Permission
from orchestrator.errors import Forbidden, NotFound, Refused, Unauthenticated
from orchestrator.services.keys import Caller


@dataclass(frozen=True, slots=True)
class Door:
    """One route, as the gate sees it."""

    path: re.Pattern[str]
    methods: frozenset[str]
    permission: Permission


class _Ended(Exception):
    """The key of an answer that is under way has come to its end."""


class Gate:
    """Lets in who may, and answers what nothing behind it has answered."""

    def __init__(self, app: ASGIApp, doors: Sequence[Door], callers: Callers, denials: Denials) -> None:
        self._app, self._doors, self._callers, self._denials = app, doors, callers, denials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def note_and_send(message: Message) -> None:
            nonlocal begun
            if begun and message.get("more_body"):
                await self._still(scope)
            begun = True
            await send(message)

        try:
            scope["caller"] = None
            await self._let_in(scope)
            await self._app(scope, receive, note_and_send)
        except _Ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except Exception as error:
            if begun:
                raise
            if isinstance(error, Unauthenticated | Forbidden):
                await self._note(error, scope)
            await response_to(error)(scope, receive, send)

    async def _note(self, error: Refused, scope: Scope) -> None:
        client = scope.get("client")
        said = (error, scope["caller"], scope["method"], scope["path"], client and client[0])
        await to_thread.run_sync(self._denials.note, *said)

    async def _still(self, scope: Scope) -> None:
        """Raise _Ended when whoever was let in would not be any more."""
        if scope["caller"] is not None:
            try:
                await self._caller(Headers(scope=scope))
            except Unauthenticated:
                raise _Ended from None
            except SQLAlchemyError:
                pass  # nobody can be asked; there is no news then either

    async def _let_in(self, scope: Scope) -> None:
        doors = [door for door in self._doors if door.path.match(scope["path"])]
        door = next((door for door in doors if scope["method"] in door.methods), None)
        if door is not None and door.permission is Permission.OPEN:
            return
        caller = scope["caller"] = await self._caller(Headers(scope=scope))
        if not doors or "\0" in scope["path"]:
            raise NotFound("there is nothing at this address")
        if door is None:
            raise HTTPException(405, headers={"Allow": _allow(doors)})
        caller.must(door.permission)

    async def _caller(self, headers: Headers) -> Caller:
        scheme, _, plain = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not plain.strip():
            raise Unauthenticated("send an API key as 'Authorization: Bearer <key>'")
        return await self._callers.know(plain.strip())


def _allow(doors: Sequence[Door]) -> str:
    """What an address takes: one that is spelled out is no name in another, as OpenAPI has it, too."""
    names = min(door.path.groups for door in doors)
    return ", ".join(sorted({method for door in doors if door.path.groups == names for method in door.methods}))
