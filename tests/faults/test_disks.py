"""The disk of PostgreSQL or of Redis is full, in a small file system of its own: nothing that was answered is lost."""

import os
import pwd
import secrets
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from orchestrator.stack.wait import wait_until
from tests.faults.conftest import serving, watched
from tests.faults.stack import SITE, Stack
from tests.faults.trial import Tell, Trial

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("disks"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a file system of its own needs root"),
]

SIZES = {"postgres": "600m", "redis": "48m"}


@contextmanager
def _mounted(folder: Path, size: str) -> Generator[None]:
    """A file system in memory at this folder, its owner's as it was."""
    owner = folder.stat()
    options = f"size={size},mode=700,uid={owner.st_uid},gid={owner.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    """A stack whose servers have little room."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, ExitStack() as mounts:
        top = Path(folder)
        for made in (top, home := top / "home"):
            made.mkdir(exist_ok=True)
            made.chmod(0o711)
        for name, size in SIZES.items():
            (home / name).mkdir(mode=0o700)
            if name == "postgres":
                nobody = pwd.getpwnam("nobody")
                os.chown(home / name, nobody.pw_uid, nobody.pw_gid)
            mounts.enter_context(_mounted(home / name, size))
        with serving(top) as stack:
            yield stack


@pytest.fixture
def trial(small: Stack, tmp_path: Path, tell: Tell) -> Iterator[Trial]:
    """A job for it."""
    with watched(small, tmp_path / "notes", tell) as trial:
        yield trial


@contextmanager
def _full(folder: Path) -> Generator[None]:
    """Not a byte is free."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    try:
        yield
    finally:
        ballast.unlink()


def test_of_redis(trial: Trial) -> None:
    stack = trial.stack
    trial.begin(paths=200, seconds=0.1)
    trial.under_way()

    def refuses() -> bool:
        with stack.redis as redis:
            try:
                redis.set("anything", secrets.token_hex(5000))
            except RedisError:
                return True
        return False

    with trial.fault("the disk of Redis is full for 10 s", 60), _full(stack.whole.home / "redis"):
        assert wait_until(refuses, 30), "it does not mind"
        stack.stand(10)
    trial.ends()


def test_of_postgresql(trial: Trial) -> None:
    stack = trial.stack
    trial.begin(paths=200, seconds=0.3)
    trial.under_way()
    accepted: list[int] = []

    def refuses() -> bool:
        paths = [f"/{secrets.token_hex(100)}" for _ in range(400)]
        body = {"workflow": workflow, "site": SITE, "paths": paths}
        answer = stack.whole.http.post("/jobs", json=body)
        if answer.status_code == 201:
            accepted.append(answer.json()["id"])
            return False
        assert answer.status_code == 503, answer.text
        return True

    workflow = trial.workflow()
    with trial.fault("the disk of PostgreSQL is full for 10 s", 60), _full(stack.whole.home / "postgres"):
        assert wait_until(refuses, 60), "it does not mind"
        stack.stand(10)
    trial.ends()
    kept = stack.record.rows("select id from jobs where id = any(:ids)", ids=accepted)
    assert sorted(row.id for row in kept) == accepted, "what was answered is not there"
    for job in accepted:
        stack.whole.http.post(f"/jobs/{job}/cancel", json={})
