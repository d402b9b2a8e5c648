"""Reading what the sites send: from a position that PostgreSQL keeps, never acknowledged before it is kept there."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.exceptions import NoPermissionError

from orchestrator.broker.account import user_of
from orchestrator.broker.connection import pipeline
from orchestrator.broker.wake import wake_by
from orchestrator.contracts import names

START = "0-0"
_OWN = user_of("").encode()
_SITE = re.compile(rb"[a-z0-9][a-z0-9_-]{0,62}")

_Answer = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes] | None]]]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a site's stream."""

    stream: str
    id: str
    sealed: bytes
    """The field ``d``; empty when there was none."""


class Streams:
    """The report and batch streams of every site, and the stream that only wakes the hub."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._wake = START

    def read(self, positions: Mapping[str, str], *, count: int, block_ms: int) -> list[Entry]:
        """Up to ``count`` entries a stream after these positions, waiting up to ``block_ms`` for the first.

        Returns early, maybe with nothing, when somebody woke the hub. 0 does not wait.
        """
        asked = {**positions, names.WAKE_STREAM: self._wake}
        answer = cast(_Answer, self._redis.xread(asked, count=count, block=block_ms or None) or [])
        entries: list[Entry] = []
        for raw_stream, rows in answer:
            stream = raw_stream.decode()
            if stream == names.WAKE_STREAM:
                self._wake = rows[-1][0].decode()
            else:
                entries += (Entry(stream, id.decode(), (fields or {}).get(b"d", b"")) for id, fields in rows)
        return entries

    def wake(self) -> None:
        """Let who reads come back at once."""
        wake_by(self._redis)

    def announced_sites(self) -> set[str]:
        """The sites that say they exist; nothing is believed of them before a signed announcement."""
        said = cast(set[bytes], self._redis.smembers(names.SITES_KEY)) | self._accounts()
        return {name.decode() for name in said if _SITE.fullmatch(name)}

    def _accounts(self) -> set[bytes]:
        """The sites with a user of their own, which may not say that they exist: it outlives the broker's memory."""
        users: list[bytes] = []
        with suppress(NoPermissionError):
            users = cast(Any, self._redis).execute_command("ACL", "USERS")
        return {user.removeprefix(_OWN) for user in users if user.startswith(_OWN)}

    def trim(self, positions: Mapping[str, str]) -> None:
        """Drop what has been applied and kept."""
        commands = pipeline(self._redis)
        for stream, position in positions.items():
            commands.xtrim(stream, minid=position, approximate=True)
        commands.execute()
