"""Redis is full, frozen, emptied, or set back to what it was: time is lost, and nothing else."""

import os
import shutil
import signal
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from tests.faults.stack import Stack
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("faults")]


def test_out_of_memory_for_ten_seconds(trial: Trial) -> None:
    trial.begin(paths=200, seconds=0.1)
    trial.under_way()
    with trial.fault("Redis out of memory for 10 s", 60), trial.stack.redis as redis:
        redis.config_set("maxmemory", 1)
        with pytest.raises(RedisError):
            redis.set("anything", "at all")
        trial.stack.stand(10)
        assert trial.stack.whole.http.get("/jobs").is_success, "who only looks needs no broker"
        redis.config_set("maxmemory", 0)
    trial.ends()


@pytest.mark.parametrize("seconds", [20, 60])
def test_frozen(seconds: int, trial: Trial) -> None:
    stack = trial.stack
    trial.begin(paths=200, seconds=0.1)
    trial.under_way()
    with trial.fault(f"Redis frozen for {seconds} s", 60):
        redis = stack.pid("redis")
        os.kill(redis, signal.SIGSTOP)
        try:
            stack.stand(seconds)
            assert stack.whole.http.get("/jobs").is_success
        finally:
            os.kill(redis, signal.SIGCONT)
    assert stack.pid("redis") == redis
    trial.ends()


def _files(stack: Stack) -> Path:
    return stack.whole.home / "redis"


def _set_aside(folder: Path, to: Path | None) -> None:
    """Move what Redis has kept away from under it; with ``to`` copy it there instead."""
    kept = [file for file in folder.iterdir() if file.name.startswith(("appendonly", "dump"))]
    assert kept, "it keeps nothing"
    for file in kept:
        if to is not None:
            (shutil.copytree if file.is_dir() else shutil.copy2)(file, to / file.name)
        elif file.is_dir():
            shutil.rmtree(file)
        else:
            file.unlink()


@pytest.mark.quick
def test_set_back_to_what_it_was(trial: Trial, tmp_path: Path) -> None:
    """Messages and claims of before come back: nothing is done by them that has been done."""
    stack, folder = trial.stack, _files(trial.stack)
    trial.begin()
    trial.under_way()
    _set_aside(folder, tmp_path)
    trial.under_way(100)
    with trial.fault("Redis restored from an old file", 60):
        _set_aside(folder, None)
        for file in tmp_path.iterdir():
            if file.name.startswith(("appendonly", "dump")):
                file.rename(folder / file.name)
        stack.kill("redis")
    trial.ends()


def test_restarted_without_what_it_kept(trial: Trial) -> None:
    stack = trial.stack
    trial.begin()
    trial.under_way()
    epoch = "select epoch from broker"
    before = stack.record.one(epoch)
    with trial.fault("Redis restarted without persistence", 60):
        _set_aside(_files(stack), None)
        stack.kill("redis")
    trial.ends()
    assert stack.record.one(epoch) == before + 1
