"""A file that is sent from where it is open already: whole, or from where an answer before was cut."""

import re
from collections.abc import AsyncIterator
from typing import BinaryIO

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_CHUNK = 256 * 1024


class SentFile(StreamingResponse):
    """The answer with a file, which is closed once it is sent; ``etag`` is that of its bytes.

    A range is answered alone (206); of a request for several, or for what has another tag, the whole is sent.
    """

    def __init__(self, file: BinaryIO, size: int, etag: str, asked: Headers, headers: dict[str, str]) -> None:
        self._file = file
        span = _span(asked, size, etag)
        begin, end = span or (0, size)
        told = {**headers, "ETag": etag, "Accept-Ranges": "bytes", "Content-Length": str(end - begin)}
        if span is not None:
            told["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
        status = 200 if span is None else 206
        super().__init__(self._chunks(begin, end), status, told, "application/octet-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()

    async def _chunks(self, begin: int, end: int) -> AsyncIterator[bytes]:
        self._file.seek(begin)
        while begin < end and (chunk := await to_thread.run_sync(self._file.read, min(_CHUNK, end - begin))):
            begin += len(chunk)
            yield chunk


def _span(asked: Headers, size: int, etag: str) -> tuple[int, int] | None:
    """From where to where, the end not included; None: the whole. 416 where there is nothing."""
    found = _RANGE.fullmatch(asked.get("range", "").strip())
    if found is None or not any(found.groups()) or asked.get("if-range", etag) != etag:
        return None
    first, last = found.groups()
    if first:
        begin, end = int(first), min(int(last) + 1 if last else size, size)
    else:
        begin, end = max(size - int(last), 0), size
    if begin >= end:
        raise HTTPException(416, f"the file has {size} bytes", {"Content-Range": f"bytes */{size}"})
    return begin, end
