"""The hub's care for the sites: canaries, restarts, queues that are left, and what is kept of jobs that have ended."""

import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from orchestrator.broker.fleet import Fleet
from orchestrator.broker.permits import Permits
from orchestrator.broker.publisher import Publisher
from orchestrator.contracts.names import GENTLY
from orchestrator.services.canary import find_deaf, forget_canary, outlived_canaries, send_canaries
from orchestrator.services.memory import Memory
from orchestrator.services.partial import note_partial
from orchestrator.services.queue_epochs import Suspect, leave, queue_epochs, suspects
from orchestrator.services.record import keep_record
from orchestrator.services.restart import restart_in_turn
from orchestrator.services.settle import no_longer_open
from orchestrator.services.unclaimed import Unclaimed, unclaimed
from orchestrator.storage.positions import read_sites

log = logging.getLogger(__name__)


class Keeper:
    """Looks after them on the hub's connection; ``give_back`` makes what was taken back ready again."""

    def __init__(
        self,
        connection: Connection,
        publisher: Publisher,
        permits: Permits,
        fleet: Fleet,
        memory: Memory,
        give_back: Callable[[Sequence[Unclaimed]], None],
    ) -> None:
        self._connection, self._memory, self._give_back = connection, memory, give_back
        self._publisher, self._permits, self._fleet = publisher, permits, fleet

    def look(self) -> None:
        """Every few seconds. What is said in Redis is said anew each time, so that it may be forgotten there."""
        with self._connection.begin():
            note_partial(self._connection)
            keep_record(self._connection, self._memory)
        self._leave_queues()
        self._send_canaries()
        self._restart_in_turn()
        self._restart_deaf()
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Drop what is kept of jobs that others ended: a person with the last decision, or a hub that then died."""
        with self._connection.begin():
            sites = read_sites(self._connection)
            ended = no_longer_open(self._connection, self._permits.jobs(sites) | self._memory.jobs)
        self._memory.forget(ended)
        self._permits.forget(ended, sites)

    def _send_canaries(self) -> None:
        with self._connection.begin():
            outlived = outlived_canaries(self._connection)
        lost = [one for one in outlived if not self._permits.waiting(one.name)]
        with self._connection.begin():
            for one in lost:
                forget_canary(self._connection, one)
            canaries = send_canaries(self._connection)
        self._publisher.send(canaries)

    def _restart_in_turn(self) -> None:
        with self._connection.begin():
            asked = restart_in_turn(self._connection)
        for one in asked:
            if one.new:
                log.info("%s of %s is asked to end and begin anew", one.node, one.site, extra=_of(one.site, one.node))
        self._fleet.restart((one.site, one.node, one.boot + GENTLY) for one in asked)

    def _restart_deaf(self) -> None:
        with self._connection.begin():
            epochs = queue_epochs(self._connection)
            deaf, new = find_deaf(self._connection)
        for one in new:
            told = "%s of %s is there and does not hear: it is asked to restart"
            log.warning(told, one.node, one.site, extra=_of(one.site, one.node))
        self._fleet.name_queues(epochs)
        self._fleet.restart((one.site, one.node, one.boot) for one in deaf)

    def _leave_queues(self) -> None:
        with self._connection.begin():
            some = suspects(self._connection)
        for one in some:
            if (messages := self._permits.waiting(one.name()) - one.canaries) > 0:
                self._leave(one, messages)

    def _leave(self, one: Suspect, messages: int) -> None:
        log.warning(
            "the workers of %s keep ending: it is left with %d messages for %s",
            one.name(),
            messages,
            one.name(1),
            extra={"site": one.site},
        )
        with self._connection.begin():
            leave(self._connection, one, messages)
            stranded = [lost for lost in unclaimed(self._connection, 0.0) if lost.queue == one.name(1)]
        self._fleet.keep(one.name())
        back = self._permits.revoke(one.site, None, [lost.id for lost in stranded])
        self._give_back([lost for lost in stranded if lost.id in back])


def _of(site: str, node: str) -> dict[str, str]:
    return {"site": site, "node": node}
