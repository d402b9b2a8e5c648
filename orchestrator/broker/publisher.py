"""Putting messages into the sites' queues, many in one round trip."""

from collections.abc import Mapping, Sequence

from redis import Redis

from orchestrator.broker.celery_message import celery_message
from orchestrator.broker.connection import pipeline
from orchestrator.contracts import names, seal
from orchestrator.contracts.parcel import Parcel, WalkOrder, discovery_task_name


class Publisher:
    """Sends parcels and walk orders, and lets walkers go on or stop."""

    def __init__(self, redis: Redis, secret: bytes) -> None:
        self._redis, self._secret = redis, secret

    def publish(
        self,
        parcels: Sequence[tuple[Parcel, int]],
        orders: Sequence[WalkOrder],
        grants: Mapping[str, Mapping[str, int]],
        gone: Mapping[str, Sequence[str]],
    ) -> None:
        """All in one pipeline: parcels (with their number of paths), orders to walk, and how far walks may go.

        A Redis error means that some may have gone and some not; sending them again does no harm.
        """
        commands = pipeline(self._redis)
        for parcel, paths in parcels:
            queue, message = self._parcel(parcel, paths)
            commands.lpush(queue, message)
        for order in orders:
            queue, message = self._order(order)
            commands.lpush(queue, message)
        for site, walks in grants.items():
            commands.hset(names.grants_key(site), mapping={**walks})
        for site, fields in gone.items():
            commands.hdel(names.grants_key(site), *fields)
        if len(commands):
            commands.execute()

    def _parcel(self, parcel: Parcel, paths: int) -> tuple[str, bytes]:
        queue = names.queue(parcel.site, parcel.queue, parcel.function)
        sealed = seal.seal(seal.site_key(self._secret, parcel.site), parcel)
        shown = f"job {parcel.job}, step {parcel.step}, {paths} paths"
        if len(parcel.tasks) > 1:
            shown += f" in {len(parcel.tasks)} tasks"
        return queue, celery_message(queue, parcel.action, parcel.id, sealed, shown)

    def _order(self, order: WalkOrder) -> tuple[str, bytes]:
        queue = names.queue(order.site, order.queue, names.Function.DISCOVERY)
        sealed = seal.seal(seal.site_key(self._secret, order.site), order)
        shown = f"job {order.job}, subtree {order.subtree}, from batch {order.sequence + 1} on"
        return queue, celery_message(queue, discovery_task_name(order.method), order.id, sealed, shown)
