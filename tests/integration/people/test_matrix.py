"""Every state, event and kind of person, asked over the real API: the answers are those of the machines' tables."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, text

from orchestrator.domain.batch_job import JobState
from orchestrator.domain.kinds import EDITS, MACHINES, Kind
from orchestrator.domain.people import Relation, Who, kebab
from orchestrator.domain.roles import Role
from orchestrator.domain.task_group import CODES, TaskStatus
from orchestrator.storage import tables
from tests.integration.api.rows import add_job
from tests.integration.people.conftest import People, Somebody

CANDIDATE, HOLDER, AT_WORK = Relation.CANDIDATE, Relation.HOLDER, Relation.AT_WORK
ROLES: list[tuple[str, set[Who]]] = [(str(role), {role}) for role in Role]
BODIES: dict[str, dict[str, Any]] = {"InsertTaskGroup": {"task_group": "more"}, "Revoke": {"reason": "because"}}
AGAIN = {
    "PauseRequested": {"Pausing", "Paused"},
    "Resumed": {"Pending", "Started"},
    "ResumedUnstarted": {"Pending", "Started"},
    "CancelRequested": {"Dequeuing", "Cancelled"},
}
"""Asked again for what is so already: no error, though there is no edge."""


@dataclass
class Asker:
    name: str
    who: set[Who]


def askers(kind: Kind, state: str) -> list[Asker]:
    """Everybody, and what they are to a job of this kind in this state."""
    found = [Asker(f"{name}_role", who) for name, who in ROLES]
    if kind is Kind.TASK:
        claimed = state in ("Working", "Complete")
        found.append(Asker("holder", {Role.WORKER, CANDIDATE, HOLDER}))
        found.append(Asker("member", {Role.WORKER, CANDIDATE} | (set() if claimed else {HOLDER})))
        found.append(Asker("assignee", {Role.REVIEWER, CANDIDATE} | (set() if claimed else {HOLDER})))
    if kind in EDITS:
        claimed = state not in ("Proposed", "Allocated")
        found.append(Asker("holder", {Role.WORKER, CANDIDATE, HOLDER}))
        found.append(Asker("member", {Role.WORKER, CANDIDATE} | (set() if claimed else {HOLDER})))
    if kind is Kind.GROUP:
        found.append(Asker("holder", {Role.WORKER, AT_WORK}))
    return found


def make(tx: Connection, kind: Kind, state: str, event: str, asker: str) -> int:
    """A job of this kind in this state, to which nothing else stands in the way of the event."""
    if kind is Kind.BATCH:
        return add_job(tx, state=JobState(state), counts={"open_tasks": 1})
    if kind is Kind.GROUP:
        group = _group(tx, state)
        if event != "SetTaskList":
            working = asker == "holder"
            first = _row(tx, group, 1, TaskStatus.WORKING if working else TaskStatus.WAITING)
            _row(tx, group, 2, TaskStatus.WAITING)
            tx.execute(
                text("update group_jobs set current_task = :row where job_id = :group"), {"row": first, "group": group}
            )
        return group
    if kind in EDITS:
        return _edit(tx, kind, state, event)
    group = _group(tx, "Started")
    return tx.execute(
        text("select job_id from group_tasks where id = :row"), {"row": _row(tx, group, 1, TaskStatus(state))}
    ).scalar_one()


def _job(tx: Connection, **values: Any) -> int:
    return tx.execute(insert(tables.jobs).values(owner="admin", **values).returning(tables.jobs.c.id)).scalar_one()


def _group(tx: Connection, state: str) -> int:
    group = _job(tx, kind="group", state=state)
    tx.execute(insert(tables.group_jobs).values(job_id=group, task_group="more", advance="manual"))
    return group


def _edit(tx: Connection, kind: Kind, state: str, event: str) -> int:
    claimed = None if state in ("Proposed", "Allocated") else "holder"
    parent = None
    if kind is not Kind.EDIT:
        waits = {Kind.REVIEW: "Quarantined", Kind.CONFLICT: "Conflicted"}.get(kind, "Invalid")
        parent = _edit(tx, Kind.EDIT, waits, event)
    job = _job(tx, kind=kind, state=state, parent_id=parent, name="x", assigned_group="team", claimed_by=claimed)
    tx.execute(
        insert(tables.edit_jobs).values(
            job_id=job, job_type="any", job_type_version=1, quarantine=False,
            mode="read_only" if event == "Close" else "manual",
            stage={"StepResumedCommitted": "publishing"}.get(event, "committing") if state == "Failed" else None,
        )
    )  # fmt: skip
    return job


def _row(tx: Connection, group: int, order: int, status: TaskStatus) -> int:
    claimed = "holder" if status in (TaskStatus.WORKING, TaskStatus.COMPLETE) else None
    job = _job(
        tx, kind="task", state=status, parent_id=group, assignee="assignee", assigned_group="team", claimed_by=claimed
    )
    row = insert(tables.group_tasks).values(
        group_id=group, order=order, task_group="more", task="t", status=CODES[status], listed_by="x", job_id=job,
        assignee="assignee", assigned_group="team",
    )  # fmt: skip
    return tx.execute(row.returning(tables.group_tasks.c.id)).scalar_one()


def expected(kind: Kind, state: str, event: str, who: set[Who]) -> int:
    """What the table says: 403 where no edge is theirs, 200 where this one is, else 409."""
    edges = {before: those for (before, which), those in MACHINES[kind].who.items() if which == event}
    if Role.VIEWER in who or not any(those & who for those in edges.values()):
        return 403
    if kind is Kind.TASK and event == "Retry":
        return 409  # only a workflow that failed is retried
    possible = bool(edges.get(state, frozenset()) & who) or state in AGAIN.get(event, ())
    return 200 if possible else 409


CASES = [
    pytest.param(kind, state, id=f"{kind}-{state}")
    for kind, machine in MACHINES.items()
    for state in machine.words
    if kind is not Kind.CONFLICT  # it has the machine of a correction
]


def asked_by(kind: Kind, event: str) -> set[str]:
    """Of an edit job's events that are the system's own it is enough to ask those who may do the most."""
    nobodys = not any(who for (_, which), who in MACHINES[kind].who.items() if which == event)
    return {"admin_role", "holder"} if nobodys and kind in EDITS else set()


@pytest.fixture
def crowd(people: People) -> dict[str, Somebody]:
    """One of each."""
    for name, who in ROLES:
        people(f"{name}_role", *map(str, who))
    people("holder", "worker", groups=("team",))
    people("member", "worker", groups=("team",))
    people("assignee", "reviewer")
    people("planner_role").do("/task-groups", name="more", tasks=[{"name": "t"}])
    people("planner_role").do("/job-types", name="any")
    return people.known


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "state"), CASES)
def test_the_answers_are_those_of_the_table(kind: Kind, state: str, crowd: dict[str, Somebody], engine: Engine) -> None:
    wrong: list[str] = []
    seen: set[int] = set()
    events = dict.fromkeys(str(event) for _, event in MACHINES[kind].edges)
    for asker in askers(kind, state):
        legal: list[str] = []
        for place, event in enumerate(events):
            if place and asker.name not in (asked_by(kind, event) or {asker.name}):
                continue
            with engine.begin() as tx:
                job = make(tx, kind, state, event, asker.name)
            if place == 0 or event == "Close":
                legal = crowd[asker.name].see(f"/jobs/{job}")["legal_events"]
            answer = crowd[asker.name].ask("POST", f"/jobs/{job}/actions/{kebab(event)}", BODIES.get(event, {}))
            should = expected(kind, state, event, asker.who)
            seen.add(answer.status_code)
            if answer.status_code != should:
                wrong.append(f"{asker.name}: {event} is {answer.status_code}, not {should}: {answer.text}")
            if should == 409 and answer.json().get("legal_events") is None:
                wrong.append(f"{asker.name}: {event} does not say what is legal")
            if (event in legal) != (
                should == 200 and state not in AGAIN.get(event, ())
            ) and Role.VIEWER not in asker.who:
                wrong.append(f"{asker.name}: {event} is answered {should}, and legal are {legal}")
    assert not wrong, "\n".join(wrong)
    assert 403 in seen
