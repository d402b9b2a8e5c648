"""Ledgers: every path of a job, and what became of it."""

import json
from collections.abc import Iterator, Sequence
from typing import Literal

import httpx

from orchestrator.client.errors import Document, refusal, silent
from orchestrator.client.synchronous import Documents

Kind = Literal["csv", "jsonl", "parquet"]


class Ledgers(Documents):
    """The part of the client that takes ledgers out."""

    def export(self, job_id: int, kind: Kind = "csv", *, outcome: Sequence[str] = ()) -> Iterator[bytes]:
        """A job's ledger as a file, piece by piece; Unreachable when it breaks off."""
        params = {"format": kind, "outcome": list(outcome)}
        try:
            with self.http.stream("GET", f"/jobs/{job_id}/ledger", params=params) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    raise refusal(answer)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise silent(self.url, error) from error

    def ledger(self, job_id: int, *, outcome: Sequence[str] = ()) -> Iterator[Document]:
        """A job's ledger, path by path, in flat memory."""
        rest = b""
        for piece in self.export(job_id, "jsonl", outcome=outcome):
            *lines, rest = (rest + piece).split(b"\n")
            yield from map(json.loads, lines)
