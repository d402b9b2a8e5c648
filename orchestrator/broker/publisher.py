"""Putting messages into the sites' queues, many in one round trip."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import Redis

from orchestrator.broker.celery_message import celery_message
from orchestrator.broker.connection import pipeline, transaction
from orchestrator.contracts import names, seal
from orchestrator.contracts.canary import CANARY_TASK, Canary
from orchestrator.contracts.claims import OUT
from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.parcel import Parcel, WalkOrder, discovery_task_name

_NOTHING: Mapping[str, Any] = {}


class Publisher:
    """Sends parcels and walk orders, and lets walkers go on or stop."""

    def __init__(self, redis: Redis, secret: bytes) -> None:
        self._redis, self._secret = redis, secret

    def publish(
        self,
        parcels: Sequence[tuple[Parcel, int]],
        orders: Sequence[WalkOrder],
        grants: Mapping[str, Mapping[str, int]] = _NOTHING,
        gone: Mapping[str, Sequence[str]] = _NOTHING,
        heard: Mapping[str, Sequence[str]] = _NOTHING,
    ) -> None:
        """All or nothing: parcels (with their number of paths), orders to walk, and how far walks may go.

        A hand-out and its message come into being together. After a Redis error nobody knows whether that was all or
        nothing; sending it again does no harm, since each message is claimed once.
        """
        commands = transaction(self._redis)
        for site, messages in heard.items():
            commands.hdel(names.handouts_key(site), *messages)
        for parcel, paths in parcels:
            failpoint("hub.publishing")
            queue, message = self._parcel(parcel, paths)
            commands.hset(names.handouts_key(parcel.site), parcel.id, OUT)
            commands.lpush(queue, message)
        for order in orders:
            queue, message = self._order(order)
            commands.hset(names.handouts_key(order.site), order.id, OUT)
            commands.lpush(queue, message)
        for site, walks in grants.items():
            commands.hset(names.grants_key(site), mapping={**walks})
        for site, fields in gone.items():
            commands.hdel(names.grants_key(site), *fields)
        commands.execute()
        if parcels:
            failpoint("hub.published")

    def send(self, canaries: Sequence[Canary]) -> None:
        """Put canaries into their queues."""
        commands = pipeline(self._redis)
        for canary in canaries:
            queue = names.queue(canary.site, canary.queue, canary.function, canary.queue_epoch)
            sealed = seal.seal(seal.site_key(self._secret, canary.site), canary)
            commands.lpush(queue, celery_message(queue, CANARY_TASK, canary.id, sealed, "does this get through?"))
        commands.execute()

    def _parcel(self, parcel: Parcel, paths: int) -> tuple[str, bytes]:
        queue = names.queue(parcel.site, parcel.queue, parcel.function, parcel.queue_epoch)
        sealed = seal.seal(seal.site_key(self._secret, parcel.site), parcel)
        shown = f"job {parcel.job}, step {parcel.step}, {paths} paths"
        if len(parcel.tasks) > 1:
            shown += f" in {len(parcel.tasks)} tasks"
        return queue, celery_message(queue, parcel.action, parcel.id, sealed, shown)

    def _order(self, order: WalkOrder) -> tuple[str, bytes]:
        queue = names.queue(order.site, order.queue, names.Function.DISCOVERY, order.queue_epoch)
        sealed = seal.seal(seal.site_key(self._secret, order.site), order)
        shown = f"job {order.job}, subtree {order.subtree}, from entry {order.sequence + 1} on"
        return queue, celery_message(queue, discovery_task_name(order.method), order.id, sealed, shown)
