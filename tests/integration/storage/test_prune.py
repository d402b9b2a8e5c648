"""What is past its period goes, bit by bit, and nothing else does; nobody ever sees a part of a job."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from typer.testing import CliRunner

from benchmarks.rows import fill
from orchestrator.api.pruner import Pruner
from orchestrator.cli.main import make_app
from orchestrator.contracts.failpoints import SPEC
from orchestrator.contracts.redrive import RedriveAsked
from orchestrator.domain.retention import Periods
from orchestrator.errors import IllegalTransition, NotFound
from orchestrator.services import prune as pruning
from orchestrator.services.control import Wish, locked
from orchestrator.services.prune import prune
from orchestrator.services.redrive import redrive, sources
from orchestrator.services.workspace import Workspaces
from orchestrator.stack.wait import wait_until
from orchestrator.storage.files import Files
from orchestrator.storage.parts import PARTS
from orchestrator.storage.queries.invariants import violations
from orchestrator.storage.queries.jobs import JobFilter, list_jobs, read_job
from orchestrator.storage.queries.prunable import prunable
from orchestrator.storage.queries.snapshot import snapshot
from orchestrator.storage.queries.tasks import list_tasks, read_task
from orchestrator.storage.queries.why import why_job

JOBS, TASKS = 110, 3000
ALL = Periods(success=0, failure=0, cancelled=0, reports=0, audit=0)
OF_JOBS = (
    "job_steps",
    "progress",
    "discoveries",
    "walks",
    "batches",
    "tasks",
    "outcomes",
    "error_groups",
    "history",
    "task_logs",
)


@pytest.fixture
def filled(engine: Engine, database_url: str) -> Engine:
    fill(database_url, tasks=TASKS, jobs=JOBS)
    with engine.begin() as tx:
        tx.execute(
            text("""
          insert into task_logs (job_id, task_id, attempt, level, message, logger)
          select job_id, id, 1, 20, 'a line', 'noop' from tasks, generate_series(1, 2)
        """)
        )
        tx.execute(text("insert into task_progress (task_id, attempt, share, note) select id, 1, 0.5, '' from tasks"))
    return engine


def one(engine: Engine, statement: str, **values: Any) -> Any:
    with engine.begin() as tx:
        return tx.execute(text(statement), values).scalar()


def states(engine: Engine) -> dict[str, int]:
    with engine.begin() as tx:
        return {row.state: row.n for row in tx.execute(text("select state, count(*) as n from jobs group by state"))}


def well(engine: Engine) -> None:
    """All invariants hold for what is there, and nothing is there of what is not."""
    with snapshot(engine) as tx:
        assert [str(one) for one in violations(tx)] == []
        for table in OF_JOBS:
            left = f"select count(*) from {table} where not exists (select from jobs where id = job_id)"
            assert tx.execute(text(left)).scalar() == 0, table


def test_only_what_is_past_its_period_goes(filled: Engine) -> None:
    before = states(filled)
    age = one(filled, "select extract(epoch from now() - ended_at)::float8 from jobs where id = 50")
    done = prune(filled, Periods(success=(age - 30) / 86400))  # they have ended a minute apart
    after = states(filled)
    assert 0 < done.jobs["Success"] == before["Success"] - after["Success"] < before["Success"]
    assert {**before, "Success": 0} == {**after, "Success": 0}
    assert one(filled, "select min(id) from jobs where state = 'Success'") == 51
    assert done.tasks == TASKS - one(filled, "select count(*) from tasks")
    well(filled)


def test_nothing_goes_unless_it_is_asked_for(filled: Engine) -> None:
    before = states(filled)
    assert prune(filled, Periods()).jobs == {}
    assert states(filled) == before


def test_all_that_has_ended_goes_and_what_runs_stays(filled: Engine) -> None:
    with snapshot(filled) as tx:
        told = prunable(tx, ALL)
    assert one(filled, "select count(*) from jobs where pruned_at is not null") == 0
    done = prune(filled, ALL)
    assert (dict(done.jobs), done.tasks) == (dict(told.jobs), told.tasks)
    assert told.bytes > 0
    assert set(states(filled)) == {"Started"}
    assert one(filled, "select count(*) from task_logs") == 2 * one(filled, "select count(*) from tasks")
    for table in ("outcomes", "error_groups"):
        assert one(filled, f"select count(*) from {table}") == 0
    well(filled)


def begin(engine: Engine, periods: Periods, transactions: int) -> None:
    """Prune for so many transactions, each of one statement or few."""
    left = iter(range(transactions - 1))
    prune(engine, periods, lambda _: next(left, None) is None)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "TRANSACTION_S", 0.0)
    monkeypatch.setattr(pruning, "PARTS", [replace(part, most=50) for part in PARTS])


READS: list[Callable[[Connection, int], object]] = [
    read_job,
    why_job,
    sources,
    lambda tx, job: locked(tx, job, Wish.CANCEL),
]


def test_a_job_of_which_some_is_deleted_is_there_for_nobody(filled: Engine, small_steps: None) -> None:
    job = JOBS // 2  # the large one
    task = one(filled, "select max(id) from tasks where job_id = :job", job=job)
    with filled.begin() as tx:
        tx.execute(text("update jobs set idempotency_key = 'key' where id = :job"), {"job": job})
        tx.execute(text("delete from jobs where id < :job"), {"job": job})
    assert len(prune_reads(filled, job)) == 0
    begin(filled, ALL, 2)  # marked, and a piece
    assert one(filled, "select pruned_at is not null from jobs where id = :job", job=job)
    assert one(filled, "select count(*) from tasks where job_id = :job", job=job) > 0
    assert len(prune_reads(filled, job)) == len(READS)
    with filled.begin() as tx:
        assert job not in {item.id for item in list_jobs(tx, JobFilter(), 500).items}
        assert list_tasks(tx, job, 10).items == []
        with pytest.raises(NotFound):
            read_task(tx, task)
    assert one(filled, "select count(*) from jobs where idempotency_key is not null") == 0
    well(filled)
    prune(filled, Periods())  # what was begun is finished, whatever the periods say by then
    assert one(filled, "select count(*) from tasks where job_id = :job", job=job) == 0
    assert one(filled, "select count(*) from jobs where id = :job", job=job) == 0
    well(filled)


def prune_reads(engine: Engine, job: int) -> list[object]:
    """Those that do not find the job."""
    missing: list[object] = []
    for read in READS:
        with engine.connect() as tx:
            try:
                read(tx, job)
            except NotFound:
                missing.append(read)
            except IllegalTransition:
                pass  # it is there, and has ended
    return missing


def test_a_job_that_a_redrive_takes_from_stays_until_that_has_ended(filled: Engine) -> None:
    failed = one(filled, "select max(id) from jobs where state = 'Failure' and id > :large", large=JOBS // 2)
    with filled.begin() as tx:
        new = redrive(tx, failed, sources(tx, failed), RedriveAsked(), "me")
    prune(filled, ALL)
    assert one(filled, "select count(*) from jobs where id = :id", id=failed) == 1
    with filled.begin() as tx:
        tx.execute(text("update jobs set state = 'Cancelled', ended_at = now() where id = :id"), {"id": new})
    prune(filled, ALL)
    assert one(filled, "select count(*) from jobs where id in (:failed, :new)", failed=failed, new=new) == 0


def test_a_redrive_that_is_being_asked_for_is_waited_for(filled: Engine) -> None:
    failed = one(filled, "select max(id) from jobs where state = 'Failure' and id > :large", large=JOBS // 2)
    with filled.connect() as asking:
        family = sources(asking, failed)
        prune(filled, ALL)
        redrive(asking, failed, family, RedriveAsked(), "me")
        asking.commit()
    prune(filled, ALL)
    assert one(filled, "select count(*) from jobs where id = :id and pruned_at is null", id=failed) == 1


def test_a_parent_goes_after_its_children_and_they_after_its_end(filled: Engine) -> None:
    runs = one(filled, "select max(id) from jobs where state = 'Started'")
    with filled.begin() as tx:
        for child, parent in ((10, 9), (runs, 11), (14, runs)):
            tx.execute(text("update jobs set parent_id = :parent where id = :id"), {"id": child, "parent": parent})
    prune(filled, ALL)
    assert one(filled, "select array_agg(id order by id) from jobs where ended_at is not null") == [9, 11, 14]
    prune(filled, ALL)
    assert one(filled, "select array_agg(id order by id) from jobs where ended_at is not null") == [11, 14]


def command(url: str, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    call = [sys.executable, "-m", "orchestrator.cli.main", "db", "prune", *arguments]
    told = {**os.environ, "ORCHESTRATOR_DATABASE_URL": url, **environment}
    return subprocess.Popen(call, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("at", [1, 2, 40, 90])
def test_killed_in_the_middle_it_goes_on_when_it_is_run_again(filled: Engine, database_url: str, at: int) -> None:
    days = ("--success-days", "0", "--failure-days", "0", "--cancelled-days", "0")
    killed = command(database_url, *days, **{SPEC: f"prune.deleting=kill@{at}"})
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    well(filled)
    with command(database_url, *days, "--json") as again:
        out, err = again.communicate()
    assert (again.returncode, err) == (0, "")
    assert '"dry_run": false' in out
    assert set(states(filled)) == {"Started"}
    well(filled)


def test_several_at_once_share_the_work(filled: Engine, database_url: str) -> None:
    ended = sum(n for state, n in states(filled).items() if state != "Started")
    days = {f"ORCHESTRATOR_RETENTION_{name}_DAYS": "0" for name in ("SUCCESS", "FAILURE", "CANCELLED")}
    running = [command(database_url, "--json", **days) for _ in range(3)]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert set(states(filled)) == {"Started"}
    assert ended > 0
    well(filled)


def test_the_api_s_process_does_it_by_itself(filled: Engine, database_url: str, tmp_path: Path) -> None:
    pruner = Pruner(database_url, ALL, Files(tmp_path / "attachments"), Workspaces(tmp_path / "workspaces"))
    pruner.start()
    try:
        assert wait_until(lambda: set(states(filled)) == {"Started"}, 30)
    finally:
        pruner.end()
    well(filled)


def test_the_command_tells_how_much_it_would_be(
    filled: Engine, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", database_url)
    before = states(filled)

    def said(*arguments: str) -> str:
        done = CliRunner().invoke(make_app(["db"]), ["db", "prune", *arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "no period is set" in said()
    told = json.loads(said("--cancelled-days", "0", "--dry-run", "--json"))
    assert told["jobs"] == {"Cancelled": before["Cancelled"]}
    assert states(filled) == before
    monkeypatch.setenv("ORCHESTRATOR_RETENTION_CANCELLED_DAYS", "0")
    assert f"would delete {before['Cancelled']} jobs ({before['Cancelled']} Cancelled)" in said("--dry-run")
    assert "deleted 0 jobs" in said("--cancelled-days", "1000")
    done = json.loads(said("--json"))
    assert (done["jobs"], done["tasks"]) == (told["jobs"], told["tasks"])
    assert "Cancelled" not in states(filled)
