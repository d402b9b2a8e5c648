"""Handing out and taking back, as the sites' claims see it (contracts/claims.py)."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import cast

from redis import Redis

from orchestrator.broker.connection import pipeline
from orchestrator.contracts import names
from orchestrator.contracts.claims import CLAIMED, OUT, REVOKE, revoke_call


class Stands(Enum):
    """How a hand-out stands in Redis."""

    UNCLAIMED = "it can be claimed"
    CLAIMED = "somebody has claimed it"
    LOST = "it is not there, and never was or has been forgotten"


_STANDS = {OUT.encode(): Stands.UNCLAIMED, CLAIMED.encode(): Stands.CLAIMED}


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

    def revoke(self, site: str, job: int | None, messages: Sequence[str]) -> set[str]:
        """Take the job's permit and these messages back, at once; those of them that nobody had claimed."""
        keys, arguments = revoke_call(site, job, messages)
        return {message.decode() for message in cast("list[bytes]", self._revoke(keys=keys, args=arguments))}

    def look(self, site: str, messages: Sequence[str]) -> dict[str, Stands]:
        """How each of these messages stands, by its id."""
        key = names.handouts_key(site)
        there = cast("list[bytes | None]", self._redis.hmget(key, list(messages)) if messages else [])
        return {id: _STANDS.get(said or b"", Stands.LOST) for id, said in zip(messages, there, strict=True)}

    def known(self, site: str) -> set[str]:
        """The messages that stand there."""
        there = cast("list[bytes]", self._redis.hkeys(names.handouts_key(site)))
        return {message.decode(errors="replace") for message in there}

    def waiting(self, queue: str) -> int:
        """How many messages stand in a queue."""
        return self._redis.llen(queue)

    def stop(self, job: int, sites: Iterable[str], grace_s: float) -> None:
        """Ask what runs of a job to stop, within so many seconds."""
        commands = pipeline(self._redis)
        for site in sites:
            commands.hset(names.stops_key(site), str(job), str(grace_s))
        commands.execute()

    def jobs(self, sites: Iterable[str]) -> set[int]:
        """The jobs that have a permit at one of these sites."""
        commands = pipeline(self._redis)
        for site in sites:
            commands.smembers(names.permits_key(site))
        return {int(job) for jobs in cast("list[set[bytes]]", commands.execute()) for job in jobs}

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
