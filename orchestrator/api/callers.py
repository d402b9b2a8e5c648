"""Who is calling, looked up once in a few seconds, so that not every request asks the database."""

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager

from anyio import to_thread
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import Unauthenticated
from orchestrator.services.keys import Caller, check_key

_MOST = 10_000
Ended = Callable[[], None]


class Callers:
    """The keys seen of late. A key revoked elsewhere is refused here ``seconds`` later at most."""

    def __init__(self, engine: Engine, *, seconds: float = 4.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._seconds, self._clock = engine, seconds, clock
        self._seen: dict[bytes, tuple[float, Caller]] = {}
        self._asking: dict[bytes, asyncio.Future[Caller]] = {}
        self._watched: defaultdict[str, set[Ended]] = defaultdict(set)
        self._watching: asyncio.Task[None] | None = None

    def recall(self, plain: str) -> Caller | None:
        """The caller when the key was checked a moment ago; does not block."""
        checked_at, caller = self._seen.get(_digest(plain), (0.0, None))
        return caller if caller is not None and self._clock() - checked_at < self._seconds else None

    def check(self, plain: str) -> Caller:
        """The caller, asked of the database; raises Unauthenticated."""
        checked_at = self._clock()
        caller = check_key(self._engine, plain)
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[_digest(plain)] = checked_at, caller
        return caller

    async def know(self, plain: str) -> Caller:
        """The caller. Those who ask for one key at once share one look at the database, as a thousand listeners do."""
        if (caller := self.recall(plain)) is not None:
            return caller
        digest = _digest(plain)
        if (asking := self._asking.get(digest)) is None:
            asking = self._asking[digest] = asyncio.ensure_future(to_thread.run_sync(self.check, plain))
            asking.add_done_callback(lambda done: self._asked(digest, done))
        return await asyncio.shield(asking)

    def _asked(self, digest: bytes, done: "asyncio.Future[Caller]") -> None:
        if self._asking.get(digest) is done:
            del self._asking[digest]
        if not done.cancelled():
            done.exception()  # told to those who wait, if any still do

    @contextmanager
    def watch(self, plain: str, ended: Ended) -> Generator[None]:
        """Call ``ended`` when the key is refused, ``seconds`` later at most; one look a key, however many watch it."""
        self._watched[plain].add(ended)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._watched[plain].discard(ended)
            if not self._watched[plain]:
                del self._watched[plain]

    async def _watch(self) -> None:
        while self._watched:
            await asyncio.sleep(self._seconds)
            for plain in [*self._watched]:
                try:
                    await to_thread.run_sync(self.check, plain)
                except Unauthenticated:
                    for ended in [*self._watched.get(plain, ())]:
                        ended()
                except SQLAlchemyError:
                    break  # nobody can be asked; there is no news then either

    def forget(self) -> None:
        """Check every key anew: one has been revoked here."""
        self._seen.clear()
        self._asking.clear()


def _digest(plain: str) -> bytes:
    # Not the key itself: it should not lie about in memory for longer than its request.
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).digest()
