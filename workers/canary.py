"""Answering the hub's canaries: word that what is put into this pool's queue gets as far as where handlers run."""

import logging
import time

from redis import RedisError

from orchestrator.contracts.canary import Canary
from orchestrator.contracts.names import reports_stream
from orchestrator.contracts.report import Reports
from orchestrator.contracts.seal import seal, unseal
from orchestrator.errors import WireError
from workers.admission import NotAdmitted, opened
from workers.runtime import Runtime

log = logging.getLogger(__name__)


def answer(runtime: Runtime, argument: object) -> None:
    """Name the canary to the hub; what is none of ours is refused without a word."""
    try:
        canary = _admitted(runtime, argument)
    except NotAdmitted as refusal:
        log.warning("refused a canary: %s", refusal)
        return
    said = seal(runtime.key, Reports(site=runtime.site.name, node=runtime.node, heard=[canary.id]))
    try:
        runtime.redis().xadd(reports_stream(runtime.site.name), {"d": said})
    except RedisError as error:
        log.warning("a canary was heard, and the broker does not answer (%s)", type(error).__name__)


def _admitted(runtime: Runtime, argument: object) -> Canary:
    try:
        canary = unseal(runtime.key, Canary, opened(argument))
    except WireError as error:
        raise NotAdmitted(str(error)) from error
    ours = (runtime.site.name, runtime.queue, runtime.function)
    if (canary.site, canary.queue, canary.function) != ours:
        raise NotAdmitted(f"it is for {canary.site}.{canary.queue}.{canary.function}, and this is {'.'.join(ours)}")
    if canary.expires <= time.time():
        raise NotAdmitted("it has expired, by our clock")
    return canary
