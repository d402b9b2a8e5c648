"""A broker that repeats and reorders what it likes: every message comes three times, in any order."""

import hashlib
import random
import threading
from typing import Any, cast

from redis import Redis

from orchestrator.contracts import names

EVERY_SECONDS = 0.002
"""Messages do not stand in a queue for long."""

_SHUFFLE = """
local there = redis.call('lrange', KEYS[1], 0, -1)
local all = {}
for _, message in ipairs(there) do
  all[#all + 1] = message
  if redis.call('sadd', KEYS[2], redis.sha1hex(message)) == 1 then
    all[#all + 1] = message
    all[#all + 1] = message
  end
end
math.randomseed(ARGV[1])
for place = #all, 2, -1 do
  local other = math.random(place)
  all[place], all[other] = all[other], all[place]
end
if #all > 0 then
  redis.call('del', KEYS[1])
  redis.call('rpush', KEYS[1], unpack(all))
end
return #all - #there
"""


class Meddler:
    """Meddles, between ``with``, with the queues and the streams of one site."""

    def __init__(self, redis: Redis, site: str, chance: random.Random) -> None:
        self._redis, self._site, self._chance = redis, site, chance
        self._shuffle: Any = redis.register_script(_SHUFFLE)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meddler", daemon=True)
        self._last = {names.reports_stream(site): "$", names.batches_stream(site): "$"}
        self._copied: set[bytes] = set()
        self._owed: list[tuple[str, bytes]] = []
        self.messages, self.entries = 0, 0
        """How many it has put in again."""
        self._broken: BaseException | None = None

    def __enter__(self) -> "Meddler":
        for stream in self._last:
            newest = cast("list[tuple[bytes, Any]]", self._redis.xrevrange(stream, count=1))
            self._last[stream] = newest[0][0].decode() if newest else "0-0"
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._broken is not None:
            raise self._broken

    def _run(self) -> None:
        try:
            while not self._over.wait(EVERY_SECONDS):
                self._meddle()
        except BaseException as error:  # noqa: BLE001 - it is raised where the test can see it
            self._broken = error

    def _meddle(self) -> None:
        for function in (names.Function.WORKER, names.Function.DISCOVERY):
            queue = names.queue(self._site, "default", function)
            self.messages += self._shuffle(keys=[queue, f"meddled:{queue}"], args=[self._chance.randrange(2**31)])
        answer = cast(
            "list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", self._redis.xread({**self._last}) or []
        )
        for stream, entries in answer:
            for id, fields in entries:
                self._last[stream.decode()] = id.decode()
                self._note(stream.decode(), fields[b"d"])
        # Some of what is owed, so that copies come long after what they are copies of.
        self._chance.shuffle(self._owed)
        for _ in range(min(len(self._owed), self._chance.randrange(12))):
            stream, sealed = self._owed.pop()
            self._redis.xadd(stream, {"d": sealed})
            self.entries += 1

    def _note(self, stream: str, sealed: bytes) -> None:
        mark = hashlib.sha256(sealed).digest()
        if mark not in self._copied:
            self._copied.add(mark)
            self._owed += [(stream, sealed)] * 2
