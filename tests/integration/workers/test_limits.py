"""What the site's file bounds is bounded, and what comes up against it is told with the reason."""

import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from celery import Celery

from orchestrator.contracts.report import Died, Ended, Item, Started, TaskError
from orchestrator.stack.wait import wait_until
from tests.integration.workers.pool import Pool
from tests.integration.workers.test_deaths import HAZARDS, children, said, tasks, went_on

pytestmark = pytest.mark.timeout(180)

NOBODY = pwd.getpwnam("nobody")
OPEN_ROOT = """
mkdir "$1/pyenv" && mount --bind /root "$1/pyenv" && mount -t tmpfs -o mode=755 tmpfs /root &&
mount --bind "$1/pyenv" /root && chmod 755 /root; shift; exec "$@"
"""


def limited(start_pool: Callable[..., Pool], limits: str) -> Pool:
    return start_pool(extra=f"{HAZARDS}\n[limits]\n{limits}")


def test_a_handler_that_wants_more_memory_than_it_may_have_fails_with_that_reason(
    start_pool: Callable[..., Pool],
) -> None:
    pool = limited(start_pool, 'memory = "128 MiB"')
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/eat")))
    error = pool.ended().error
    assert error is not None
    assert error.error_class == "MemoryError"
    assert error.message.startswith("out of memory: a process of this pool may have ")
    went_on(pool)


def test_a_task_that_uses_up_its_cpu_time_is_ended_and_blamed(start_pool: Callable[..., Pool]) -> None:
    pool = limited(start_pool, "cpu_time = 60\n[limits.worker]\ncpu_time = 1")
    pool.publish(pool.parcel("hazard", [], tasks=tasks("/fine", "/burn")))
    pool.until(lambda: any(isinstance(item, Died) for item in pool.items), "its death")
    reason = "it used more than 1 s of CPU time, the limit here"
    assert [item for item in pool.items if isinstance(item, Died)] == [
        Died(2, 1, reason, TaskError("CpuTimeExceeded", reason))
    ]
    went_on(pool)


def test_each_task_has_the_cpu_time_of_one(start_pool: Callable[..., Pool], tmp_path: Path) -> None:
    busy = tmp_path / "busy.py"
    busy.write_text(
        "import time\nfrom workers import action\n@action('busy')\ndef busy(ctx, paths):\n"
        "    until = time.process_time() + 0.7\n    while time.process_time() < until: pass\n    ctx.done(*paths)\n"
    )
    pool = start_pool(extra=f'actions = ["{busy}"]\n[limits]\ncpu_time = 1')
    for task in (1, 2, 3):
        pool.publish(pool.parcel("busy", [], tasks=tasks("/a", first=task)))
        assert pool.ended(task=task).processed == 1


def test_children_step_back_and_say_so(start_pool: Callable[..., Pool]) -> None:
    pool = limited(start_pool, "nice = 7")
    assert wait_until(lambda: [child.nice() for child in children(pool)] == [7], 20)
    assert psutil.Process(pool.process.pid).nice() < 7, "what keeps them does not"
    assert pool.ready().limits == {"nice": 7}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-user-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run pools as another user")
def test_a_pool_is_another_users(open_folder: Path, redis_server: str) -> None:
    # Where this Python is below a closed home of root's, the pool is given one that is open.
    closed = sys.base_prefix.startswith("/root/")
    prefix = ["unshare", "--mount", "sh", "-c", OPEN_ROOT, "sh", str(open_folder)] if closed else []
    pool = Pool(open_folder, redis_server, extra='[limits]\nuser = "nobody"', prefix=prefix)
    try:
        os.chown(pool.data, NOBODY.pw_uid, NOBODY.pw_gid)
        (pool.data / "a").write_text("a")
        pool.ready()
        assert {process.username() for process in (psutil.Process(pool.process.pid), *children(pool))} == {"nobody"}
        pool.publish(pool.parcel("fs.copy", [os.fsencode(pool.data / "a")], params={"destination": f"{pool.data}/b"}))
        ended = pool.ended()
        assert (ended.processed, ended.problems) == (1, [])
        assert (pool.data / "b" / "a").stat().st_uid == NOBODY.pw_uid
        pool.process.terminate()
        assert pool.process.wait(60) == 0
        pool.until(lambda: pool.announcements[-1].leaving, "leaving")
    finally:
        pool.close()


def test_only_root_chooses_a_user(start_pool: Callable[..., Pool], redis_server: str, tmp_path: Path) -> None:
    pool = Pool(tmp_path, redis_server, extra='[limits]\nuser = "no-such-user"')
    assert pool.process.wait(60) == 1
    assert "limits.user: there is no user 'no-such-user' on this host" in pool.log_text()
    pool.close()


def test_a_read_only_root_is_not_written_to(start_pool: Callable[..., Pool], tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    pool = start_pool(extra=f'[[roots]]\npath = "{tmp_path}/kept"\nread_only = true\nalias = "/elsewhere/kept"')
    (tmp_path / "kept" / "a").write_text("a")
    for task, destination in enumerate((f"{tmp_path}/kept/new", "/elsewhere/kept/new"), 1):
        order = tasks("/elsewhere/kept/a", first=task)
        pool.publish(pool.parcel("fs.copy", [], tasks=order, params={"destination": destination}))
        ended = pool.ended(task=task)
        assert ended.processed == 0
        assert ended.error is not None
        assert f"the root {tmp_path}/kept is read only at this site" in ended.error.message
    pool.publish(pool.parcel("fs.checksum", [], tasks=tasks("/elsewhere/kept/a", first=9)))
    assert pool.ended(task=9).processed == 1, "it can be read, by either name"
    assert os.listdir(tmp_path / "kept") == ["a"]


def test_what_is_too_long_to_travel_is_in_the_spool(start_pool: Callable[..., Pool], tmp_path: Path) -> None:
    long = tmp_path / "long.py"
    long.write_text(
        "from workers import action\n@action('long')\ndef long(ctx, paths):\n"
        "    for path in paths:\n        path.note(report='x' * 10_000)\n        ctx.done(path)\n"
    )
    pool = start_pool(extra=f'actions = ["{long}"]\nspool = "spool"')
    pool.publish(pool.parcel("long", [b"/x"]))
    assert pool.ended().processed == 1
    (file,) = (file for file in (tmp_path / "spool").rglob("*.json"))
    assert "x" * 10_000 in file.read_text()


def test_handlers_may_be_threads_of_one_process(start_pool: Callable[..., Pool]) -> None:
    pool = start_pool(size=6, extra='[pools]\nworker = "threads"')
    assert pool.ready().pool == "threads"
    for task in range(1, 7):
        pool.publish(pool.parcel("sleep", [], tasks=tasks("/a", "/b", first=task), params={"seconds": 60.0}))
    pool.until(lambda: [type(item) for item in pool.items] == [Started] * 6, "six that run")
    assert children(pool) == []
    pool.until(lambda: pool.announcements[-1].running == 6, "word that six run")
    pool.permits.stop(pool.job, [pool.site], 60.0)
    assert all(pool.ended(task).stopped for task in range(1, 7))
    pool.forget()
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 3.0}))
    pool.until(lambda: pool.items, "the beginning of the task")
    pool.process.terminate()
    assert pool.process.wait(60) == 0
    assert pool.ended().processed == 1, "what ran was finished"


def test_the_environment_does_not_choose_the_broker(
    start_pool: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
        monkeypatch.setenv(name, "redis://127.0.0.1:1/0")
    pool = start_pool()
    pool.publish(pool.parcel("noop", [b"/x"]))
    assert pool.ended().processed == 1


def test_with_a_user_of_its_own_a_site_works_and_nobody_steers_it_by_broadcast(
    start_pool: Callable[..., Pool], redis_server: str
) -> None:
    pool = start_pool(own_user=True)
    pool.publish(pool.parcel("sleep", [b"/x"], params={"seconds": 2.0}))
    pool.until(lambda: pool.items, "the beginning of the task")
    node = pool.ready().node
    with Celery(broker=redis_server, set_as_current=False) as celery:
        (active,) = celery.control.inspect([node], timeout=5.0).active()[node]
        assert active["name"] == "sleep"
        celery.control.broadcast("shutdown", destination=[node])
    assert pool.ended().processed == 1
    went: list[type[Item]] = [type(item) for item in pool.items]
    assert went == [Started, Ended]
    assert said(pool) == [(Started, 1), (Ended, 1)]
    pool.publish(pool.parcel("noop", [], tasks=tasks("/x", first=2)))
    assert pool.ended(task=2).processed == 1, "it is still there"
