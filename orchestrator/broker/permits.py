"""Handing out and taking back, as the sites' claims see it (contracts/claims.py)."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import cast

from redis import Redis

from orchestrator.broker.connection import pipeline
from orchestrator.contracts import names
from orchestrator.contracts.claims import REVOKE, Hand, revoke_call


class Stands(Enum):
    """How a hand-out stands in Redis."""

    UNCLAIMED = "it can be claimed"
    CLAIMED = "somebody has claimed it"
    LOST = "it is not there, and never was or has been forgotten"


def _stands(hand: Hand, said: bytes | None) -> Stands:
    if said == b"%d" % hand.attempt:
        return Stands.UNCLAIMED
    return Stands.CLAIMED if said == b"-%d" % hand.attempt else Stands.LOST


class Permits:
    """Permits, stops and unclaimed hand-outs in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._revoke = redis.register_script(REVOKE)

    def allow(self, jobs: Mapping[str, Iterable[int]]) -> None:
        """Let hand-outs of these jobs (``site -> jobs``) be claimed; their rows are locked, and say that they run."""
        commands = pipeline(self._redis)
        for site, some in jobs.items():
            commands.sadd(names.permits_key(site), *sorted(some))
        commands.execute()

    def revoke(self, site: str, job: int | None, hands: Sequence[Hand]) -> set[str]:
        """Take the job's permit and these hand-outs back, at once; the fields of those that nobody had claimed."""
        keys, arguments = revoke_call(site, job, hands)
        return {field.decode() for field in cast("list[bytes]", self._revoke(keys=keys, args=arguments))}

    def look(self, site: str, hands: Sequence[Hand]) -> dict[str, Stands]:
        """How each of these hand-outs stands, by its field."""
        fields = [hand.field for hand in hands]
        there = cast("list[bytes | None]", self._redis.hmget(names.handouts_key(site), fields) if fields else [])
        return {hand.field: _stands(hand, said) for hand, said in zip(hands, there, strict=True)}

    def waiting(self, queue: str) -> int:
        """How many messages stand in a queue."""
        return self._redis.llen(queue)

    def stop(self, job: int, sites: Iterable[str], grace_s: float) -> None:
        """Ask what runs of a job to stop, within so many seconds."""
        commands = pipeline(self._redis)
        for site in sites:
            commands.hset(names.stops_key(site), str(job), str(grace_s))
        commands.execute()

    def forget(self, jobs: Iterable[int], sites: Iterable[str]) -> None:
        """These jobs have ended."""
        fields = [str(job) for job in jobs]
        commands = pipeline(self._redis)
        for site in sites if fields else ():
            commands.srem(names.permits_key(site), *fields)
            commands.hdel(names.stops_key(site), *fields)
        commands.execute()

    def epoch(self) -> int | None:
        """The broker's epoch, None when it has none."""
        said = cast("bytes | None", self._redis.get(names.EPOCH_KEY))
        return None if said is None else int(said)

    def begin_epoch(self, epoch: int, sites: Iterable[str]) -> None:
        """From here on only what is handed out in this epoch can be claimed: all that was is forgotten."""
        self._redis.set(names.EPOCH_KEY, epoch)
        for site in set(sites):
            self._redis.delete(names.handouts_key(site), names.permits_key(site))
