"""The database repeats the promise: a trigger, made from the machines' tables, keeps terminal states terminal."""

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.task import TASK

GUARDED = {"jobs": BATCH_JOB, "tasks": TASK, "walks": DISCOVERY}

FUNCTION = """
create or replace function refuse_to_leave_an_end() returns trigger language plpgsql as $$
begin
  raise exception '% % has ended as %: it can not become %', tg_table_name, to_jsonb(old) ->> 'id', old.state, new.state
    using errcode = 'integrity_constraint_violation';
end $$
"""


def triggers() -> dict[str, str]:
    """The statement that makes each table's trigger, by table."""
    return {table: _trigger(table, sorted(machine.terminal)) for table, machine in GUARDED.items()}


def _trigger(table: str, terminal: list[str]) -> str:
    ends = ", ".join(f"'{state}'" for state in terminal)
    return (
        f"create or replace trigger {table}_ends before update of state on {table} for each row "
        f"when (old.state in ({ends}) and new.state is distinct from old.state) "
        "execute function refuse_to_leave_an_end()"
    )
