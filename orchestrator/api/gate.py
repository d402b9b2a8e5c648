"""The gate before every route: who is it (401), is there such a door (404, 405), may they (403); then the body.

It stands outside FastAPI's own handling because that reads the whole body first. A request that goes on and on (live
events, paths that are streamed in) ends when its key does.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import ExitStack
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


class _Watch:
    """Ends a request that goes on for long once its key has come to its end, also where nothing is sent or comes."""

    def __init__(self, callers: Callers, scope: Scope) -> None:
        self._callers, self._scope = callers, scope
        self._stack, self._request = ExitStack(), asyncio.current_task()
        self._on = self._ended = False

    def begin(self) -> None:
        """It goes on; again changes nothing."""
        if not self._on and self._scope["caller"] is not None:
            self._on = True
            self._stack.enter_context(self._callers.watch(_plain(Headers(scope=self._scope)), self._end))

    def _end(self) -> None:
        if self._request is not None:
            self._ended = True
            self._request.cancel()

    def __enter__(self) -> None:
        """Watch from when it is seen to go on."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Watch no more; _Ended where it was ended."""
        self._stack.close()
        if self._ended and self._request is not None and isinstance(error, asyncio.CancelledError):
            self._request.uncancel()
            raise _Ended from None


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
        watch = _Watch(self._callers, scope)

        async def note_and_receive() -> Message:
            message = await receive()
            if message.get("more_body"):
                watch.begin()
            return message

        async def note_and_send(message: Message) -> None:
            nonlocal begun
            if begun and message.get("more_body"):
                watch.begin()
                await self._still(scope)
            begun = True
            await send(message)

        try:
            scope["caller"] = None
            await self._let_in(scope)
            with watch:
                await self._app(scope, note_and_receive, note_and_send)
        except _Ended:
            if begun:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            else:
                await response_to(Unauthenticated("the API key has come to its end"))(scope, receive, send)
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
        return await self._callers.know(_plain(headers))


def _plain(headers: Headers) -> str:
    scheme, _, plain = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not plain.strip():
        raise Unauthenticated("send an API key as 'Authorization: Bearer <key>'")
    return plain.strip()


def _allow(doors: Sequence[Door]) -> str:
    """What an address takes: one that is spelled out is no name in another, as OpenAPI has it, too."""
    names = min(door.path.groups for door in doors)
    return ", ".join(sorted({method for door in doors if door.path.groups == names for method in door.methods}))
