"""PostgreSQL goes away again and again, has no room for one more connection, or breaks a deadlock."""

import os
import random
import signal
import time
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import make_url

from orchestrator.stack.wait import wait_until
from tests.faults.trial import Trial

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("messages")]


def test_restarted_every_few_seconds_for_a_minute(trial: Trial, chance: random.Random) -> None:
    stack = trial.stack
    trial.begin(paths=400, seconds=0.3)
    trial.under_way()
    restarts, codes = 0, set[int]()
    with trial.fault("PostgreSQL restarted every few seconds for a minute", 60):
        over = time.monotonic() + 60
        while time.monotonic() < over:
            os.kill(stack.pid("postgres"), chance.choice([signal.SIGINT, signal.SIGQUIT, signal.SIGKILL]))
            restarts += 1
            again = time.monotonic() + chance.uniform(1, 5)
            wait_until(lambda: stack.record.says("select true"), 30)
            while time.monotonic() < again:
                codes.add(stack.whole.http.get("/jobs").status_code)
    assert restarts >= 5
    assert codes <= {200, 503}, codes
    trial.ends(within_s=180)


def _connect(trial: Trial) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(make_url(trial.stack.whole.profile["database_url"]).render_as_string(hide_password=False))


def test_every_connection_is_taken(trial: Trial) -> None:
    stack = trial.stack
    trial.begin()
    trial.under_way()
    taken: list[psycopg.Connection[tuple[object, ...]]] = []
    try:
        with trial.fault("every connection of PostgreSQL is taken", 30):
            stack.kill("hub")
            with suppress(psycopg.OperationalError):
                while True:
                    taken.append(_connect(trial))
            assert len(taken) > 50
            # The hub that starts anew finds no place; whoever it is that gives way makes room for one only.
            assert wait_until(lambda: stack.whole.pid("hub") is not None, 30)
            stack.stand(5)
            for connection in taken:
                connection.close()
    finally:
        for connection in taken:
            connection.close()
    trial.ends()


def test_a_deadlock_that_the_hub_loses(trial: Trial) -> None:
    """Somebody locks a task first and then its job, the other way round than everybody: the hub does it again."""
    stack = trial.stack
    trial.begin(paths=300)
    trial.under_way()
    deadlocks = "select sum(deadlocks) from pg_stat_database"
    before, hub = stack.record.one(deadlocks), stack.pid("hub")
    with trial.fault("a deadlock", 30):
        end = time.monotonic() + 30
        while stack.record.one(deadlocks) == before and time.monotonic() < end:
            with _connect(trial) as connection:
                # Whoever waits longer is the one that loses; we are patient.
                connection.execute("set deadlock_timeout = '1h'")
                connection.execute("select from tasks where job_id = %s order by id for update", [trial.job])
                stack.stand(0.5)
                connection.execute("select from jobs where id = %s for update", [trial.job])
        assert stack.record.one(deadlocks) > before
    assert stack.pid("hub") == hub, "a deadlock is no reason to end"
    trial.ends()
