"""The database repeats the promise: a trigger, made from the machines' tables, keeps terminal states terminal."""

from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.kinds import MACHINES
from orchestrator.domain.task import TASK
from orchestrator.storage.tables.columns import quoted

_ENDS: dict[str, str] = {
    "jobs": " or ".join(
        f"old.kind = '{kind}' and old.state in ({quoted(sorted(machine.terminal))})"
        for kind, machine in MACHINES.items()
    ),
    **{
        table: f"old.state in ({quoted(sorted(machine.terminal))})"
        for table, machine in {"tasks": TASK, "walks": DISCOVERY}.items()
    },
}
"""Table -> SQL: the old row has ended."""
GUARDED = tuple(_ENDS)
"""The tables with states that end."""

FUNCTION = """
create or replace function refuse_to_leave_an_end() returns trigger language plpgsql as $$
begin
  raise exception '% % has ended as %: it can not become %', tg_table_name, to_jsonb(old) ->> 'id', old.state, new.state
    using errcode = 'integrity_constraint_violation';
end $$
"""


def triggers() -> dict[str, str]:
    """The statement that makes each table's trigger, by table."""
    return {table: _trigger(table, ended) for table, ended in _ENDS.items()}


def _trigger(table: str, ended: str) -> str:
    return (
        f"create or replace trigger {table}_ends before update of state on {table} for each row "
        f"when (({ended}) and new.state is distinct from old.state) "
        "execute function refuse_to_leave_an_end()"
    )
