import json
import os
import signal
import time
from collections.abc import Callable

import psutil
import pytest
from celery import Celery

from orchestrator.contracts import names
from orchestrator.contracts.parcel import TaskOrder
from orchestrator.contracts.paths import PathList, bitmap, pack, unpack_carry
from orchestrator.contracts.report import Ended, Returned, Started
from orchestrator.contracts.seal import seal, site_key
from tests.integration.workers.pool import Pool

HOSTILE = [b"plain", b"new\nline", b"q'\"$(x)", "\N{GRINNING FACE}".encode(), b"\xff\xfe", b"n" * 255]

pytestmark = pytest.mark.timeout(180)


def test_a_parcel_is_run_and_reported(pool: Pool) -> None:
    paths = [os.fsencode(pool.data) + b"/" + name for name in HOSTILE]
    for path in paths:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    gone = os.fsencode(pool.data) + b"/gone"
    pool.publish(pool.parcel("fs.checksum", [*paths, gone], params={"algorithm": "md5"}))
    ended = pool.ended()
    assert ended.error is None
    assert (ended.processed, ended.aborted) == (len(paths), 1)
    assert ended.passed == bitmap(range(len(paths)), len(paths) + 1)
    assert [(p.path, p.outcome, p.message) for p in ended.problems] == [(gone, "aborted", "no longer there")]
    notes = unpack_carry(ended.carry).notes
    assert notes[4] == {"algorithm": "md5", "digest": "d41d8cd98f00b204e9800998ecf8427e"}
    assert [type(item) for item in pool.items] == [Started, Ended]


def test_several_tasks_and_given_paths(pool: Pool) -> None:
    batch = pack(PathList([b"/a", b"/b", b"/c"], "???"))
    orders = [TaskOrder(11, 2, batch), TaskOrder(12, 1, batch, bitmap([1], 3)), TaskOrder(13, 1, b"rubbish")]
    pool.publish(pool.parcel("noop", [], tasks=orders))
    assert pool.ended(11, 2).processed == 3
    assert pool.ended(12).processed == 1
    assert pool.ended(12).passed is None
    error = pool.ended(13).error
    assert error is not None
    assert error.error_class == "WireError"


def test_what_is_not_ours_is_refused(pool: Pool) -> None:
    good = pool.parcel("noop", [b"/x"])
    sealed = seal(pool.key, good)
    pool.publish_sealed(sealed[:-1] + bytes([sealed[-1] ^ 1]), "noop")
    pool.publish_message(good, key=site_key(b"another secret", pool.site))
    pool.publish_message(good, task="sleep")
    pool.publish_message(pool.parcel("noop", [b"/x"], site="elsewhere"))
    pool.publish_message(pool.parcel("noop", [b"/x"], queue="bulk"))
    pool.publish_message(pool.parcel("noop", [b"/x"], function="custom"))
    pool.publish_message(pool.parcel("noop", [b"/x"], expires=time.time() - 1))
    pool.publish_sealed(b"", "noop")
    pool.publish(good)
    pool.publish_message(good)
    pool.publish(pool.parcel("noop", [b"/x"], tasks=[TaskOrder(2, 1, pack(PathList([b"/x"], "?")))]))
    pool.ended(task=2)
    assert [(type(item), item.task) for item in pool.items] == [(Started, 1), (Ended, 1), (Started, 2), (Ended, 2)]
    log = pool.log_text()
    assert log.count("refused a message for noop") == 7
    assert log.count("refused a message for sleep") == 1


def test_rubbish_in_the_queue_does_not_stop_the_worker(pool: Pool) -> None:
    pool.publish(pool.parcel("no.such.action", [b"/x"]))
    error = pool.ended().error
    assert error is not None
    assert error.error_class == "UnknownAction"
    pool.publish_sealed(b"x", "no.such.action")
    pool.redis.lpush(pool.queue, json.dumps({"body": "x", "headers": {}, "properties": {}}))
    pool.publish(pool.parcel("noop", [b"/x"], tasks=[TaskOrder(2, 1, pack(PathList([b"/x"], "?")))]))
    assert pool.ended(task=2).processed == 1
    assert pool.process.poll() is None


def test_what_is_run_is_remembered_over_a_restart(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool()
    parcel = pool.parcel("noop", [b"/x"])
    pool.publish(parcel)
    pool.ended()
    pool.process.terminate()
    assert pool.process.wait(60) == 0
    pool.process = pool.start()
    # All of Redis is as it was, as after a restore: what stands there can be claimed again.
    pool.publish(parcel)
    pool.publish(pool.parcel("noop", [b"/x"], tasks=[TaskOrder(2, 1, pack(PathList([b"/x"], "?")))]))
    pool.ended(task=2)
    assert [item.task for item in pool.items if isinstance(item, Ended)] == [1, 2]
    assert "has been run here before" in pool.log_text()


def test_announcements(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool(extra='actions = ["missing_plugin"]\nallow = ["noop", "fs.*"]', size=2)
    first = pool.ready()
    assert first.node.startswith(f"{pool.site}.worker@")
    assert (first.function, first.queues, first.concurrency) == ("worker", ["default"], 2)
    assert first.actions
    offers = {offer.name: offer for offer in first.actions}
    assert {"noop", "fs.checksum", "fs.copy", "fs.stat"} <= set(offers)
    assert "sleep" not in offers
    assert offers["fs.copy"].parameters["required"] == ["destination"]
    assert any("missing_plugin" in problem for problem in first.problems)
    assert pool.redis.sismember(names.SITES_KEY, pool.site)
    pool.until(lambda: len(pool.announcements) > 1, "a second announcement")
    assert pool.announcements[1].actions is None
    pool.publish(pool.parcel("sleep", [b"/x"]))
    error = pool.ended().error
    assert error is not None
    assert error.error_class == "ActionNotAllowed"
    pool.process.send_signal(signal.SIGTERM)
    pool.until(lambda: pool.announcements[-1].leaving, "leaving")
    assert pool.process.wait(60) == 0


def test_the_last_report_is_sent_before_the_worker_ends(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool()
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 1.5}))
    pool.until(lambda: pool.items, "the beginning of the task")
    pool.process.terminate()
    assert pool.process.wait(60) == 0
    assert pool.ended().processed == 1
    assert pool.announcements[-1].running == 0


def test_running_tasks_stop_when_their_job_is_cancelled(pool: Pool) -> None:
    batch = pack(PathList([b"/a", b"/b"], "??"))
    pool.publish(
        pool.parcel("sleep", [], params={"seconds": 60.0}, tasks=[TaskOrder(1, 1, batch), TaskOrder(2, 1, batch)])
    )
    pool.until(lambda: pool.items, "the beginning of the task")
    pool.permits.stop(pool.job, [pool.site], 60.0)
    assert pool.ended().stopped
    pool.until(lambda: len(pool.items) == 3, "the second task")
    assert isinstance(pool.items[2], Returned)


def test_reports_outlive_a_broken_connection(pool: Pool) -> None:
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 1.0}))
    pool.until(lambda: pool.items, "the beginning of the task")
    pool.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert pool.ended().processed == 1


def test_a_long_task_is_ended_by_its_time_limit(pool: Pool) -> None:
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 60.0}, timeout=0.5))
    error = pool.ended().error
    assert error is not None
    assert (error.error_class, error.message) == ("TimeoutError", "took longer than 0.5 s")


def test_celery_sees_what_runs(pool: Pool) -> None:
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 60.0}))
    pool.until(lambda: pool.items, "the beginning of the task")
    # On a connection of its own: kombu keeps some for the whole process, which tests before may have seen closed.
    with Celery(broker=pool.redis_url, set_as_current=False) as celery, celery.connection_for_write() as connection:
        inspect = celery.control.inspect([pool.ready().node], timeout=5.0, connection=connection)
        (active,) = inspect.active()[pool.ready().node]
        (registered,) = inspect.registered().values()
    assert (active["name"], active["args"]) == ("sleep", f"job {pool.job}, step 0, 1 paths")
    assert {"noop", "sleep", "fs.copy"} <= set(registered)
    pool.permits.stop(pool.job, [pool.site], 60.0)
    assert pool.ended().stopped


def test_nothing_but_the_queue_is_left_in_redis(pool: Pool) -> None:
    pool.publish(pool.parcel("noop", [b"/x"]))
    pool.ended()
    assert not pool.redis.exists(f"_kombu.binding.{pool.queue}")
    assert pool.redis.llen(pool.queue) == 0


def test_no_child_outlives_its_worker(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool(size=2)
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 60.0}))
    pool.until(lambda: pool.items, "the beginning of the task")
    children = psutil.Process(pool.process.pid).children(recursive=True)
    assert len(children) >= 2
    pool.process.kill()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
