"""Files: fetched and sent piece by piece, going on where the line was cut."""

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from email.message import Message
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

import httpx

from orchestrator.client.ask import get
from orchestrator.client.errors import ApiRefused, Document, refusal, silent
from orchestrator.client.synchronous import Connected
from orchestrator.contracts.views import Edits
from orchestrator.errors import Refused, Unreachable

T = TypeVar("T")
_CHUNK = 256 * 1024
_PAUSE_S = 0.5
_AWAY = (502, 503, 504)
Kind = Literal["csv", "jsonl", "parquet"]


class Files(Connected):
    """What has to do with files: packages and edits of edit jobs, attachments, ledgers."""

    stopped = False
    """Set from another thread: what is being moved ends with the next piece (InterruptedError)."""

    def fetch_package(self, job_id: int, to: Path, *, patience_s: float = 120.0) -> Path:
        """Fetch the package of a job into a folder, or to a file of this name; where it then is.

        What was begun before, here or by another process, is gone on with. The checksum is compared. Unreachable when
        nothing comes for ``patience_s`` seconds.
        """
        return self._fetched(f"/jobs/{job_id}/package", to, patience_s)

    def fetch_attachment(self, job_id: int, attachment_id: int, to: Path, *, patience_s: float = 120.0) -> Path:
        """Fetch a file that belongs to a job, in the same way."""
        return self._fetched(f"/jobs/{job_id}/attachments/{attachment_id}", to, patience_s)

    def export(self, job_id: int, kind: Kind = "csv", *, outcome: Sequence[str] = ()) -> Iterator[bytes]:
        """A job's ledger as a file, piece by piece; Unreachable when it breaks off."""
        try:
            with self.http.stream("GET", f"/jobs/{job_id}/ledger", params=ledger_params(kind, outcome)) as answer:
                _must_be_there(answer)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise silent(self.url, error) from error

    def ledger_lines(self, job_id: int, outcome: Sequence[str]) -> Iterator[bytes]:
        """A job's ledger, path by path as JSON, in flat memory."""
        rest = b""
        for piece in self.export(job_id, "jsonl", outcome=outcome):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines

    def send_file(self, job_id: int, file: Path, patience_s: float) -> Document:
        """Send a file of edits; how far they are afterwards."""
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        size = file.stat().st_size
        return _Patience(patience_s, self).until_done(
            lambda moved: self._send(job_id, file, size, digest, moved), busy=True
        )

    def _fetched(self, path: str, to: Path, patience_s: float) -> Path:
        return _Patience(patience_s, self).until_done(lambda moved: self._fetch(path, to, moved))

    def _fetch(self, path: str, to: Path, moved: Callable[[], None]) -> Path:
        with self.http.stream("GET", path) as answer:
            _must_be_there(answer)
            tag = answer.headers["etag"]
            target = to / _name(answer) if to.is_dir() else to
            part = target.with_name(f".{target.name}.{tag[1:17]}.part")
            size, there = int(answer.headers["content-length"]), part.stat().st_size if part.exists() else 0
            if there == 0:
                _append(part, answer, moved)
        if 0 < there < size:
            with self.http.stream("GET", path, headers={"Range": f"bytes={there}-", "If-Range": tag}) as answer:
                _must_be_there(answer)
                if answer.status_code != 206:
                    part.unlink()  # another one is there by now
                _append(part, answer, moved)
        with part.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if f'"{found}"' != tag:
            part.unlink()
            raise Refused(f"{path} did not come as it was sent: fetch it again")
        part.replace(target)
        return target

    def _send(self, job_id: int, file: Path, size: int, digest: bytes, moved: Callable[[], None]) -> Document:
        there = self.answer(get(f"/jobs/{job_id}/edits", Edits, sha256=digest.hex()))
        told: Document = there.json()
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

    def __init__(self, seconds: float, files: Files) -> None:
        self._seconds, self._files = seconds, files
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
            self._check()

    def _moved(self) -> None:
        self._check()
        self._until = time.monotonic() + self._seconds

    def _check(self) -> None:
        if self._files.stopped:
            raise InterruptedError("nobody waits for this file any more")


def ledger_params(kind: Kind, outcome: Sequence[str]) -> dict[str, Any]:
    """How a ledger is asked for."""
    return {"format": kind, "outcome": list(outcome)}


def _must_be_there(answer: httpx.Response) -> None:
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
