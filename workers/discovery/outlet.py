"""A walk's way to the hub: numbered entries on the site's batch stream, no faster than the hub grants.

The hub says in the hash of grants up to which number the walk may send, ``-1`` that it is to stop, and how many
walkers are idle. What can not be sent because Redis is away is tried again; meanwhile nothing more is looked for.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

from redis import RedisError

from orchestrator.contracts import names
from orchestrator.contracts.batch import Batch, Shed
from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.parcel import WalkOrder
from orchestrator.contracts.seal import seal
from orchestrator.contracts.sighting import pack_sightings
from orchestrator.errors import Unreachable
from workers.discovery.gather import Gathering
from workers.runtime import Runtime

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_SHORTEST_WAIT, _LONGEST_WAIT = 0.02, 0.3
_LONGEST_BACKOFF = 5.0
_ASK_SECONDS = 5.0
"""How long it waits for a grant before it says again how far it has come: what it sent may have been lost."""
_PATIENCE_SECONDS = 60.0
"""How long a dead Redis is tried again at least, however soon the order expires."""


class Outlet:
    """Sends the entries of one walk. One thread."""

    def __init__(self, runtime: Runtime, order: WalkOrder) -> None:
        self._runtime, self._order = runtime, order
        self._sequence, self._grant = order.sequence, order.grant
        self._stream, self._grants = names.batches_stream(order.site), names.grants_key(order.site)
        self._fields = [f"{order.job}:{order.subtree}", f"{order.job}:idle"]
        self._stops = names.stops_key(order.site)
        self._look_at = 0.0
        self._known = True  # whether the hub has a grant for this walk
        self.stopping = False
        """The walk is asked to stop."""
        self.idle = 0
        """How many walkers have nothing to do, as far as is known."""
        self.over = False
        """The last entry has been sent."""

    def begin(self) -> None:
        """Say that the walk has begun. What was granted to an earlier attempt, or asked of it, does not count."""
        self._publish(self._batch(0, self._order.cursor), forget=True)

    def look(self) -> None:
        """See now and then what the hub wants; what can not be seen has not changed. A worker that ends stops too."""
        if self._runtime.stopping.is_set():
            self.stopping = True
        if time.monotonic() < self._look_at:
            return
        try:
            self._heed(*self._exchange())
        except RedisError as error:
            log.warning("walk %s: can not see its grant: %s", self._order.id, error)
        self._look_at = time.monotonic() + _LOOK_SECONDS

    def send(
        self,
        gathering: Gathering,
        cursor: bytes | None,
        *,
        shed: Sequence[Shed] = (),
        closed: bool = False,
        broken: str | None = None,
    ) -> None:
        """Send what was gathered, once the grant allows; as the last entry if the walk was asked to stop meanwhile."""
        self._await_grant()
        stopped = self.stopping and not closed and broken is None
        batch = self._batch(self._sequence + 1, cursor)
        batch.found, batch.unmatched, batch.troubles = gathering.batches(), gathering.unmatched, gathering.troubles
        batch.shed, batch.closed, batch.broken, batch.stopped = list(shed), closed, broken, stopped
        batch.seen = pack_sightings(gathering.sightings)
        failpoint("discovery.gathered")
        self._publish(batch)
        failpoint("discovery.sent")
        self._sequence += 1
        self.over = closed or stopped or broken is not None

    def _await_grant(self) -> None:
        wait, ask_at = _SHORTEST_WAIT, time.monotonic() + _ASK_SECONDS
        while self._sequence >= self._grant and not self.stopping:
            if time.monotonic() >= ask_at:
                asks = self._batch(self._sequence, None)
                asks.asks, ask_at = True, time.monotonic() + _ASK_SECONDS
                self._publish(asks)
            self._look_at = 0.0
            self.look()
            if self._sequence < self._grant or self.stopping:
                return
            if time.time() > self._order.expires and not self._known:
                self.stopping = True  # nobody waits for this walk any more
                return
            self._runtime.stopping.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _batch(self, sequence: int, cursor: bytes | None) -> Batch:
        order = self._order
        return Batch(order.site, self._runtime.node, order.job, order.subtree, order.attempt, sequence, cursor)

    def _publish(self, batch: Batch, *, forget: bool = False) -> None:
        """Add an entry. One that arrives twice, since its answer was lost, is known by its number."""
        sealed = seal(self._runtime.key, batch)
        give_up = max(self._order.expires, time.time() + _PATIENCE_SECONDS)
        backoff = _SHORTEST_WAIT
        while True:
            try:
                said = self._exchange(sealed, forget=forget)
            except RedisError as error:
                if time.time() > give_up or self._runtime.stopping.is_set():
                    raise Unreachable(f"walk {self._order.id}: Redis does not take its findings: {error}") from error
                log.warning("walk %s: Redis is away, trying again in %.1f s: %s", self._order.id, backoff, error)
                self._runtime.stopping.wait(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
            else:
                self._heed(*said)
                self._look_at = time.monotonic() + _LOOK_SECONDS
                return

    def _exchange(self, sealed: bytes | None = None, *, forget: bool = False) -> tuple[list[bytes | None], bool]:
        """One round trip: an entry there (or none), the grant back, and whether the job is being stopped."""
        redis: Any = self._runtime.redis()  # its pipelines are typed in part only
        with redis.pipeline(transaction=False) as pipe:
            if forget:
                pipe.hdel(self._grants, self._fields[0])
            if sealed is not None:
                pipe.xadd(self._stream, {"d": sealed})
            pipe.hmget(self._grants, self._fields)
            pipe.hexists(self._stops, str(self._order.job))
            values, stop = pipe.execute()[-2:]
            return values, bool(stop)

    def _heed(self, values: list[bytes | None], stop: bool) -> None:
        grant, idle = map(_number, values)
        self._known = grant is not None
        if grant == names.STOP or stop:
            self.stopping = True
        elif grant is not None:
            self._grant = max(self._grant, grant)
        self.idle = max(0, idle or 0)


def _number(value: bytes | str | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return None
