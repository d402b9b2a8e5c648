import os
import time
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import pytest

from orchestrator.contracts.batch import Batch
from orchestrator.contracts.names import batches_stream
from orchestrator.contracts.parcel import RuleOrder, WalkOrder, discovery_task_name
from orchestrator.contracts.paths import PathList, pack, unpack
from orchestrator.contracts.seal import seal, unseal
from tests.integration.workers.pool import Pool

pytestmark = pytest.mark.timeout(180)


def order(pool: Pool, **changes: Any) -> WalkOrder:
    fields: dict[str, Any] = {
        "id": uuid4().hex,
        "site": pool.site,
        "queue": "default",
        "method": "recursive",
        "job": 1,
        "subtree": 0,
        "attempt": 1,
        "input": pack(PathList([os.fsencode(pool.data)])),
        "rules": [RuleOrder(type="file")],
        "options": {},
        "expires": time.time() + 3600,
        "grant": 100,
        "epoch": pool.permits.epoch(),
    }
    return WalkOrder(**(fields | changes))


def test_walks_are_carried_out_and_others_refused(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool(function="discovery", size=2)
    announced = pool.ready()
    assert announced.actions == []
    assert {"recursive", "given"} <= set(announced.discoveries or [])
    names = [b"a", b"\xff", b"new\nline"]
    for name in names:
        os.close(os.open(os.fsencode(pool.data) + b"/" + name, os.O_CREAT | os.O_WRONLY))
    task = discovery_task_name("recursive")
    due = order(pool)
    good = seal(pool.key, due)
    pool.publish_sealed(good[:-1] + bytes([good[-1] ^ 1]), task)
    pool.publish_sealed(good, discovery_task_name("given"))
    pool.publish_sealed(b"", task)
    pool.publish_order(due)
    found: list[bytes] = []
    closed: list[Batch] = []

    def read() -> bool:
        found.clear()
        for _, fields in cast(Any, pool.redis.xrange(batches_stream(pool.site))):
            batch = unseal(pool.key, Batch, fields[b"d"])
            found.extend(path for part in batch.found for path in unpack(part.paths).paths)
            closed.extend([batch] if batch.closed else [])
        return bool(closed)

    pool.until(read, "the end of the walk")
    assert sorted(found) == sorted(os.fsencode(pool.data) + b"/" + name for name in names)
    assert pool.process.poll() is None
