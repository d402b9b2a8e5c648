"""The rows that benchmarks are made on are such as the hub leaves."""

from sqlalchemy import Engine, text

from benchmarks.rows import fill
from orchestrator.storage.queries.invariants import violations
from orchestrator.storage.queries.snapshot import snapshot

JOBS, TASKS = 130, 4000


def test_every_invariant_holds_for_them(engine: Engine, database_url: str) -> None:
    fill(database_url, tasks=TASKS, jobs=JOBS)
    with snapshot(engine) as tx:
        assert [str(one) for one in violations(tx, jobs=range(1, JOBS + 1))] == []
        assert tx.execute(text("select count(*) from tasks")).scalar_one() == TASKS
        states = tx.execute(text("select state, count(*) as n from jobs group by state")).all()
        assert {row.state for row in states} == {"Success", "Failure", "Cancelled", "Started"}
        assert sum(row.n for row in states) == JOBS
        kinds = set(tx.execute(text("select distinct state from tasks")).scalars())
        assert kinds == {"Pending", "Started", "Success", "Error", "Failure", "Cancelled"}
