"""The views for who asks in SQL: what they say, and that a role that may read them reads nothing else."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.task import TaskState
from orchestrator.storage.ledger_views import VIEWS
from tests.integration.api.rows import add_chain, add_job, add_outcome

COLUMNS = {
    "ledger_jobs": "job_id kind parent_id name workflow workflow_version site queue priority owner state reason"
    " created_at started_at ended_at redrive_of paths_total paths_processed paths_skipped paths_failed paths_aborted"
    " paths_cancelled paths_unmatched",
    "ledger_tasks": "task_id job_id batch_id rule step action site queue state attempt worker paths_given"
    " paths_processed paths_skipped paths_failed paths_aborted error_class message created_at dispatched_at started_at"
    " ended_at",
    "ledger_stopped_paths": "job_id task_id rule step action site path path_bytes outcome error_class message"
    " fingerprint",
    "ledger_errors": "job_id fingerprint rule step action error_class message paths hosts first_at last_at",
    "ledger_history": "job_id seq at actor event from_state to_state reason comment",
}
"""Promised in docs/ledger.md: queries of others go by them."""


@pytest.fixture
def job(engine: Engine) -> int:
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.FAILURE, counts={"total": 5, "failed": 3, "processed": 2})
        good, bad = {"state": TaskState.SUCCESS, "given": 1, "processed": 1}, {"state": TaskState.ERROR, "given": 2}
        batch = add_chain(tx, job, [b"/a", b"/\xff"], [bad | {"failed": 1, "processed": 1}, good], 1)
        add_outcome(tx, job, batch << 6, 1, "failed", b"/\xff", "bad")
        batch = add_chain(tx, job, [b"/c", b"/d"], [{"state": TaskState.FAILURE, "given": 2, "failed": 1}], 2)
        add_outcome(tx, job, batch << 6, 0, "failed", b"/c", "said before it broke")
        add_outcome(tx, job, 0, 1, "failed", b"/e", "unreadable")
    return job


@pytest.fixture
def reader(engine: Engine) -> Iterator[Connection]:
    """As docs/ledger.md makes it."""
    role = f"reader_{uuid4().hex[:8]}"
    with engine.begin() as tx:
        tx.execute(text(f"create role {role} nologin"))
        tx.execute(text(f"grant usage on schema public to {role}"))
        tx.execute(text(f"grant select on {', '.join(VIEWS)} to {role}"))
    with engine.connect() as connection:
        connection.execute(text(f"set role {role}"))
        connection.commit()
        yield connection
        connection.rollback()
        connection.execute(text("reset role"))
        connection.commit()
    with engine.begin() as tx:
        tx.execute(text(f"drop owned by {role}"))
        tx.execute(text(f"drop role {role}"))


def test_the_names_of_columns_stay(engine: Engine) -> None:
    query = text("select * from information_schema.columns where table_name = :name order by ordinal_position")
    with engine.connect() as tx:
        found = {name: [row.column_name for row in tx.execute(query, {"name": name})] for name in VIEWS}
    assert found == {name: columns.split() for name, columns in COLUMNS.items()}


def test_they_tell_what_the_tables_have(reader: Connection, job: int) -> None:
    row = reader.execute(text("select * from ledger_jobs")).one()
    assert (row.job_id, row.state, row.paths_total, row.paths_failed) == (job, "Failure", 5, 3)
    tasks = reader.execute(text("select state, step, paths_processed, paths_failed from ledger_tasks order by task_id"))
    assert tasks.all() == [("Error", 0, 1, 1), ("Success", 1, 1, 0), ("Failure", 0, 0, 2)]
    stopped = "select step, path, path_bytes, outcome from ledger_stopped_paths order by path_bytes"
    assert [(row.step, row.path, bytes(row.path_bytes), row.outcome) for row in reader.execute(text(stopped))] == [
        (None, "/e", b"/e", "failed"),
        (0, None, b"/\xff", "failed"),
    ]
    assert [row.event for row in reader.execute(text("select event from ledger_history order by seq"))] == [
        "Submitted",
        "TaskStarted",
    ]


def test_what_is_being_deleted_is_there_no_more(engine: Engine, job: int) -> None:
    with engine.begin() as tx:
        tx.execute(text("update jobs set pruned_at = now()"))
        tx.execute(text("delete from job_steps"))
        assert {name: tx.execute(text(f"select count(*) from {name}")).scalar_one() for name in VIEWS} == dict.fromkeys(
            VIEWS, 0
        )


@pytest.mark.parametrize("table", ["jobs", "api_keys", "users", "outcomes"])
def test_a_reader_reads_nothing_else(reader: Connection, table: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        reader.execute(text(f"select * from {table}"))


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_changed_through_a_view(engine: Engine, job: int, view: str) -> None:
    with pytest.raises(OperationalError, match="cannot delete from view"), engine.begin() as tx:
        tx.execute(text(f"delete from {view}"))
