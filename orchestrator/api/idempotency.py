"""Idempotency-Key: what is made for it is made once, however often it is asked for.

The key is written in the transaction that makes the thing; a twin that comes meanwhile waits for it, and finds what it
has made. What a secret is shown for can not be told twice: nobody keeps it.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request, Response
from sqlalchemy import Connection

from orchestrator.api.requires import Who
from orchestrator.services.once import make_once

T = TypeVar("T", int, str)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="sent again with the same body: what it made before (200), and no other",
    ),
]


class Maker:
    """Makes what a request asks for, as its caller; at most once for its key."""

    def __init__(self, who: str, key: str | None, asked: bytes, response: Response) -> None:
        self._who, self._key, self._asked, self._response = who, key, asked, response

    def make(self, tx: Connection, make: Callable[[], T], also: bytes = b"") -> T:
        """Make it, and return what ``make`` does: its id or name; or that of before, and the answer's status is 200.

        ``also`` is what was asked for beside the address and the body, such as a file. Conflict when the key was used
        for something else.
        """
        if self._key is None:
            return make()
        digest = hashlib.sha256(self._asked + also).digest()
        made, new = make_once(tx, self._who, self._key, digest, make)
        if not new:
            self._response.status_code = 200
        return made


async def _maker(request: Request, who: Who, response: Response, idempotency_key: Key = None) -> Maker:
    asked = b""
    if idempotency_key is not None:
        body = b"" if request.url.path.endswith("/attachments") else await request.body()
        asked = b"\0".join((request.method.encode(), str(request.url.path).encode(), request.url.query.encode(), body))
    return Maker(who.user, idempotency_key, asked, response)


Once = Annotated[Maker, Depends(_maker)]
"""For a route that makes something: `once.make(tx, lambda: place(...))`."""
