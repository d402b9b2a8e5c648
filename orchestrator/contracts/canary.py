"""A canary: a message that asks for nothing but word that it got through, by the way that all work goes."""

import msgspec

CANARY_TASK = "orchestrator.canary"
"""The name of its Celery task."""
VERSION = 1


class Canary(msgspec.Struct, omit_defaults=True):
    """One Celery message for one queue, sealed with the site's key. Whoever gets it names it in ``Reports.heard``."""

    id: str
    site: str
    queue: str
    function: str
    expires: float
    """Unix seconds after which it is refused; generous, since two clocks meet here."""
    queue_epoch: int = 0
    v: int = VERSION
