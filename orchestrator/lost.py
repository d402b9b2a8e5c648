"""Which messages are lost, or to be taken back: what the database knows of them, held against Redis."""

from collections.abc import Sequence

from orchestrator.broker.permits import Permits, Stands
from orchestrator.services.unclaimed import Unclaimed


def lost(permits: Permits, suspects: Sequence[Unclaimed]) -> list[Unclaimed]:
    """Those that nobody will run any more: what could still be claimed is revoked by this."""
    found: list[Unclaimed] = []
    for site in {one.site for one in suspects}:
        here = [one for one in suspects if one.site == site]
        stands = permits.look(site, [one.id for one in here])
        # What is still there although its queue is empty was popped and never claimed: it is taken back first.
        empty = {queue for queue in {one.queue for one in here} if not permits.waiting(queue)}
        unclaimed_yet = [one for one in here if stands[one.id] is Stands.UNCLAIMED]
        taken = [one.id for one in unclaimed_yet if one.drains or one.queue in empty]
        back = permits.revoke(site, None, taken)
        found += (one for one in here if one.id in back or stands[one.id] is Stands.LOST)
        # Who claimed it may be about to say so; then a lease goes by.
        found += (one for one in here if stands[one.id] is Stands.CLAIMED and one.lapsed)
    return found
