"""The data of edit jobs: fetching packages and sending edits, going on where the line was cut."""

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import httpx

from orchestrator.client.errors import ApiRefused, Document, refusal
from orchestrator.client.synchronous import Documents
from orchestrator.errors import Refused, Unreachable

T = TypeVar("T")
_CHUNK = 256 * 1024
_PAUSE_S = 0.5
_AWAY = (502, 503, 504)


class Packages(Documents):
    """The part of the client that moves the data of edit jobs."""

    def fetch_package(self, job_id: int, to: Path, *, patience_s: float = 120.0) -> Path:
        """Fetch the package of a job into a folder, or to a file of this name; where it then is.

        What was begun before, here or by another process, is gone on with. The checksum is compared. Unreachable when
        nothing comes for ``patience_s`` seconds.
        """
        return _Patience(patience_s).until_done(lambda moved: self._fetch(job_id, to, moved))

    def send_edits(self, job_id: int, file: Path, *, patience_s: float = 120.0) -> Document:
        """Send a file of edits; how far they are afterwards. What was begun before is gone on with.

        They are checked once the event ``upload`` is fired.
        """
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        size = file.stat().st_size
        return _Patience(patience_s).until_done(lambda moved: self._send(job_id, file, size, digest, moved), busy=True)

    def edits(self, job_id: int, sha256: str | None = None) -> Document:
        """What edits of a job have come in, and how much of the file with this checksum (in hexadecimal)."""
        return self.request("GET", f"/jobs/{job_id}/edits", params={"sha256": sha256} if sha256 else None)

    def _fetch(self, job_id: int, to: Path, moved: Callable[[], None]) -> Path:
        path = f"/jobs/{job_id}/package"
        with self.http.stream("GET", path) as answer:
            _check(answer)
            tag = answer.headers["etag"]
            target = to / _name(answer) if to.is_dir() else to
            part = target.with_name(f".{target.name}.{tag[1:17]}.part")
            size, there = int(answer.headers["content-length"]), part.stat().st_size if part.exists() else 0
            if there == 0:
                _append(part, answer, moved)
        if 0 < there < size:
            with self.http.stream("GET", path, headers={"Range": f"bytes={there}-", "If-Range": tag}) as answer:
                _check(answer)
                if answer.status_code != 206:
                    part.unlink()  # another one is there by now
                _append(part, answer, moved)
        with part.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if f'"{found}"' != tag:
            part.unlink()
            raise Refused(f"the package of job {job_id} did not come as it was sent: fetch it again")
        part.replace(target)
        return target

    def _send(self, job_id: int, file: Path, size: int, digest: bytes, moved: Callable[[], None]) -> Document:
        told = self.edits(job_id, digest.hex())
        if told["sent"] is not None and told["sent"]["sha256"] == digest.hex():
            return told
        headers = {"Repr-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:"}
        start = max(min(told["received"], size - 1), 0)
        if size:
            headers |= {"Content-Range": f"bytes {start}-{size - 1}/{size}", "Content-Length": str(size - start)}
        answer = self.http.put(f"/jobs/{job_id}/edits", content=_from(file, start, moved), headers=headers)
        if answer.status_code >= 300:
            raise refusal(answer)
        return answer.json()


class _Patience:
    """Tries again as long as something moves, and for a while after nothing did."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def until_done(self, ask: Callable[[Callable[[], None]], T], *, busy: bool = False) -> T:
        """What is asked, once it is answered; ``busy``: a 409 may be because a request before has not been given up."""
        while True:
            try:
                return ask(self._moved)
            except (Unreachable, httpx.TransportError) as error:
                if time.monotonic() > self._until:
                    raise error if isinstance(error, Unreachable) else Unreachable(f"no answer: {error}") from error
            except ApiRefused as refused:
                passes = refused.status in _AWAY or (busy and refused.status == 409 and refused.legal_events is None)
                if not passes or time.monotonic() > self._until:
                    raise
            time.sleep(_PAUSE_S)

    def _moved(self) -> None:
        self._until = time.monotonic() + self._seconds


def _check(answer: httpx.Response) -> None:
    if answer.status_code >= 300:
        answer.read()
        raise refusal(answer)


def _append(part: Path, answer: httpx.Response, moved: Callable[[], None]) -> None:
    with part.open("ab") as file:
        for chunk in answer.iter_bytes(_CHUNK):
            file.write(chunk)
            moved()


def _from(file: Path, start: int, moved: Callable[[], None]) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(start)
        while chunk := opened.read(_CHUNK):
            yield chunk
            moved()


def _name(answer: httpx.Response) -> str:
    """The name that the service gives the file; never more than a name."""
    header = Message()
    header["Content-Disposition"] = answer.headers.get("content-disposition", "")
    said = unquote(str(header.get_filename() or "package"))
    return re.sub(r"[/\\\x00-\x1f]", "_", said).lstrip(".") or "package"
