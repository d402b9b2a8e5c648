"""Submit many jobs, each a line of a file."""

import json
import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import DONE, FAILED, Call, usage
from orchestrator.client import Busy, Document
from orchestrator.client.ask import new_key
from orchestrator.errors import Unreachable


def submit_many(call: Call, file: Path, key: str | None) -> int:
    """Submit them, and say what became of each line; the exit code is 1 where one was refused."""
    key = key or new_key()
    refused = made = 0
    with _opened(file) as lines, call.client() as client:
        numbers: list[int] = []
        try:
            for answer in client.submit_many(_jobs(file, lines, numbers), idempotency_key=key):
                line = numbers[int(answer["line"]) - 1]
                refused += answer["status"] >= 400
                made += answer["status"] < 400
                if call.json:
                    put_json(answer | {"line": line})
                else:
                    _tell(answer, line)
        except (Unreachable, Busy):
            warn(f"some may not be submitted; the same file goes on with: --idempotency-key {key}")
            raise
    if not call.json:
        say(f"{made:,} jobs, {refused:,} lines refused")
    return FAILED if refused else DONE


def _jobs(file: Path, lines: Iterable[bytes], numbers: list[int]) -> Iterator[dict[str, Any]]:
    """The job in each line that has one; ``numbers`` is told which lines these are."""
    for n, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            job = json.loads(line)
        except ValueError as error:
            raise usage(f"{file}, line {n}: no JSON: {error}") from None
        if not isinstance(job, dict):
            raise usage(f"{file}, line {n}: a job is an object, as POST /jobs takes it")
        numbers.append(n)
        yield cast(dict[str, Any], job)


def _tell(answer: Document, line: int) -> None:
    if answer["status"] < 400:
        say(f"line {line}: job {answer['job_id']} is {answer['state']}")
        return
    warn(f"line {line}: {answer['detail']}")
    for wrong in answer.get("errors") or ():
        warn(f"  {wrong['place']}: {wrong['reason']}")


@contextmanager
def _opened(file: Path) -> Generator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise usage(f"{file}: {error.strerror}") from None
    with opened:
        yield opened
