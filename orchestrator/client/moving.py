"""Moving files, as each client has it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import httpx

from orchestrator.client.asynchronous import Asynchronous
from orchestrator.client.errors import Document, refusal, silent
from orchestrator.client.files import Files, Kind, ledger_params
from orchestrator.contracts.views import Edits, LedgerLine

T = TypeVar("T")


class TypedFiles(Files):
    """With models."""

    def send_edits(self, job_id: int, file: Path, *, patience_s: float = 120.0) -> Edits:
        """Send a file of edits; how far they are afterwards. What was begun before is gone on with.

        They are checked once the event ``upload`` is fired. Unreachable when nothing moves for ``patience_s`` seconds.
        """
        return Edits.model_validate(self.send_file(job_id, file, patience_s))

    def ledger(self, job_id: int, *, outcome: Sequence[str] = ()) -> Iterator[LedgerLine]:
        """A job's ledger, path by path, in flat memory."""
        return map(LedgerLine.model_validate_json, self.ledger_lines(job_id, outcome))


class DocumentFiles(Files):
    """With the documents as they come."""

    def send_edits(self, job_id: int, file: Path, *, patience_s: float = 120.0) -> Document:
        """As ``Client.send_edits``."""
        return self.send_file(job_id, file, patience_s)

    def ledger(self, job_id: int, *, outcome: Sequence[str] = ()) -> Iterator[Document]:
        """As ``Client.ledger``."""
        return map(json.loads, self.ledger_lines(job_id, outcome))


class AsyncFiles(Asynchronous):
    """The same, to be awaited: files are read and written in a thread, which ends when nobody waits for it any more."""

    async def fetch_package(self, job_id: int, to: Path, *, patience_s: float = 120.0) -> Path:
        """As ``Client.fetch_package``."""
        return await self._beside(lambda files: files.fetch_package(job_id, to, patience_s=patience_s))

    async def fetch_attachment(self, job_id: int, attachment_id: int, to: Path, *, patience_s: float = 120.0) -> Path:
        """As ``Client.fetch_attachment``."""
        return await self._beside(
            lambda files: files.fetch_attachment(job_id, attachment_id, to, patience_s=patience_s)
        )

    async def send_edits(self, job_id: int, file: Path, *, patience_s: float = 120.0) -> Edits:
        """As ``Client.send_edits``."""
        return Edits.model_validate(await self._beside(lambda files: files.send_file(job_id, file, patience_s)))

    async def export(self, job_id: int, kind: Kind = "csv", *, outcome: Sequence[str] = ()) -> AsyncIterator[bytes]:
        """As ``Client.export``."""
        try:
            asked = self.http.stream("GET", f"/jobs/{job_id}/ledger", params=ledger_params(kind, outcome))
            async with asked as answer:
                if answer.status_code >= 300:
                    await answer.aread()
                    raise refusal(answer)
                async for piece in answer.aiter_bytes():
                    yield piece
        except httpx.TransportError as error:
            raise silent(self.url, error) from error

    async def ledger(self, job_id: int, *, outcome: Sequence[str] = ()) -> AsyncIterator[LedgerLine]:
        """As ``Client.ledger``."""
        rest = b""
        async for piece in self.export(job_id, "jsonl", outcome=outcome):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield LedgerLine.model_validate_json(line)

    async def _beside(self, move: Callable[[Files], T]) -> T:
        files = Files(self.url, self._key)

        def do() -> T:
            with files:
                return move(files)

        try:
            return await asyncio.to_thread(do)
        finally:
            files.stopped = True
