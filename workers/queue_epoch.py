"""Which epoch of its queue's name a pool is to serve: the hub says so, where a queue had to be left."""

import logging
from typing import cast

from redis import RedisError

from orchestrator.contracts import names
from workers.runtime import connect
from workers.site import SiteFile

log = logging.getLogger(__name__)


def queue_epoch(site: SiteFile, queue: str, function: str) -> int:
    """The epoch; 0 where nothing is said. What the broker could not be asked for is put right by a restart later."""
    client = connect(site)
    try:
        said = cast("bytes | None", client.hget(names.queue_epochs_key(site.name), names.lane(queue, function)))
        return int(said or 0)
    except (RedisError, ValueError) as error:
        log.warning("which queue is to be served is not known: %s", type(error).__name__)
        return 0
    finally:
        client.close()
