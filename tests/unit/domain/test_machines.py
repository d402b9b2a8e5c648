"""Every state and event of every machine, against tables written down a second time, by hand."""

from enum import StrEnum
from typing import Any

import pytest

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.edit_job import EDIT_JOB, REVIEW_JOB, REWORK_JOB
from orchestrator.domain.kinds import ENDS
from orchestrator.domain.kinds import MACHINES as KINDS
from orchestrator.domain.machine import Machine, edges
from orchestrator.domain.people import PeopleMachine
from orchestrator.domain.task import TASK
from orchestrator.domain.task_group import CODES, GROUP_JOB, TASK_JOB, TaskStatusEvent
from orchestrator.errors import IllegalTransition
from tests.unit.domain.edit_tables import EDIT_TABLE, EDIT_WHO, REVIEW_TABLE, REVIEW_WHO, REWORK_TABLE, REWORK_WHO

JOB_TABLE = """
Pending     TaskStarted       Started
Pending     AllSucceeded      Success
Pending     SomeFailed        Failure
Pending     PauseRequested    Pausing
Pending     CancelRequested   Dequeuing
Started     AllSucceeded      Success
Started     SomeFailed        Failure
Started     PauseRequested    Pausing
Started     CancelRequested   Dequeuing
Pausing     AllSucceeded      Success
Pausing     SomeFailed        Failure
Pausing     Drained           Paused
Pausing     ResumedUnstarted  Pending
Pausing     Resumed           Started
Pausing     CancelRequested   Dequeuing
Paused      ResumedUnstarted  Pending
Paused      Resumed           Started
Paused      CancelRequested   Dequeuing
Dequeuing   Drained           Cancelled
"""

DISCOVERY_TABLE = """
Waiting     Begun             Running
Running     Exhausted         Closed
Running     Broke             Broken
Running     Halted            Stopped
Stopped     Requeued          Waiting
"""

TASK_TABLE = """
Pending     Claimed               Started
Pending     Returned              Pending
Pending     NothingLeft           Skipped
Pending     Broken                Cancelled
Pending     CancelRequested       Cancelled
Started     Finished              Success
Started     FinishedWithErrors    Error
Started     Crashed               Failure
Started     PartFinished          Pending
Started     AttemptFailed         Pending
Started     Returned              Pending
Started     ProcessDied           Pending
Started     CrashedForGood        Failure
Started     CrashedForGoodInPart  Error
Started     Stopped               Cancelled
"""

GROUP_TABLE = """
Pending     TaskStarted           Started
Pending     AllSucceeded          Success
Pending     SomeFailed            Failure
Pending     PauseRequested        Pausing
Pending     CancelRequested       Dequeuing
Pending     SetTaskList           Pending
Pending     InsertTaskGroup       Pending
Pending     SetNextTask           Pending
Pending     CreateJobForTask      Pending
Pending     CancelRemainingTasks  Pending
Started     AllSucceeded          Success
Started     SomeFailed            Failure
Started     PauseRequested        Pausing
Started     CancelRequested       Dequeuing
Started     InsertTaskGroup       Started
Started     SetNextTask           Started
Started     CreateJobForTask      Started
Started     CancelRemainingTasks  Started
Pausing     Drained               Paused
Paused      ResumedUnstarted      Pending
Paused      Resumed               Started
Paused      CancelRequested       Dequeuing
Paused      InsertTaskGroup       Paused
Paused      CancelRemainingTasks  Paused
Dequeuing   Drained               Cancelled
"""

TASK_JOB_TABLE = """
Waiting     Chosen      Waiting
Waiting     JobCreated  Ready
Waiting     NotNeeded   Cancelled
Waiting     GroupEnded  Cancelled
Ready       Start       Working
Ready       GroupEnded  Cancelled
Working     Start       Working
Working     Complete    Complete
Working     GiveUp      Ready
Working     Retry       Ready
Working     GroupEnded  Cancelled
"""

WHO = {
    "PauseRequested": "admin operator planner",
    "ResumedUnstarted": "admin operator planner",
    "Resumed": "admin operator planner",
    "CancelRequested": "admin operator planner",
    "SetTaskList": "admin planner",
    "InsertTaskGroup": "admin at_work planner",
    "SetNextTask": "admin planner",
    "CreateJobForTask": "admin planner",
    "CancelRemainingTasks": "admin planner",
    "Ready Start": "admin candidate planner",
    "Working Start": "admin holder planner",
    "Complete": "admin holder planner",
    "GiveUp": "admin holder planner",
    "Retry": "admin planner",
}
"""What is not here is the system's own."""

MACHINES: list[tuple[Any, tuple[str, str], str, str]] = [
    (BATCH_JOB, ("Submitted", "Pending"), JOB_TABLE, "Success Failure Cancelled"),
    (DISCOVERY, ("Submitted", "Waiting"), DISCOVERY_TABLE, "Closed Broken"),
    (TASK, ("Discovered", "Pending"), TASK_TABLE, "Success Error Failure Skipped Cancelled"),
    (GROUP_JOB, ("Submitted", "Pending"), GROUP_TABLE, "Success Failure Cancelled"),
    (TASK_JOB, ("Listed", "Waiting"), TASK_JOB_TABLE, "Complete Cancelled"),
    (EDIT_JOB, ("Created", "Proposed"), EDIT_TABLE, "Archived"),
    (REWORK_JOB, ("CreatedAllocated", "Allocated"), REWORK_TABLE, "Archived"),
    (REVIEW_JOB, ("CreatedAllocated", "Allocated"), REVIEW_TABLE, "Archived"),
]

PAIRS = [
    pytest.param(machine, table, state, event, id=f"{machine.name}-{state}-{event}")
    for machine, _, table, _ in MACHINES
    for state in machine.states
    for event in machine.events
]


def rows(table: str) -> dict[tuple[str, str], str]:
    """The table as (state, event) -> state."""
    return {(source, event): target for source, event, target in map(str.split, table.strip().splitlines())}


@pytest.mark.parametrize(("machine", "table", "state", "event"), PAIRS)
def test_every_state_and_event_is_an_edge_or_raises(
    machine: Machine[StrEnum, StrEnum], table: str, state: StrEnum, event: StrEnum
) -> None:
    expected = rows(table).get((str(state), str(event)))
    before = dict(machine.edges)
    if expected is not None:
        assert str(machine.fire(state, event)) == expected
    else:
        with pytest.raises(IllegalTransition) as caught:
            machine.fire(state, event)
        legal = [known for source, known in rows(table) if source == state]
        assert sorted(caught.value.legal) == sorted(legal)
        assert all(name in str(caught.value) for name in (machine.name, state, event, *legal))
    assert machine.edges == before


@pytest.mark.parametrize(("machine", "start", "table", "terminal"), MACHINES)
def test_beginnings_and_ends(
    machine: Machine[StrEnum, StrEnum], start: tuple[str, str], table: str, terminal: str
) -> None:
    assert tuple(map(str, machine.start)) == start
    assert {str(state) for state in machine.terminal} == set(terminal.split())
    assert machine.start == machine.starts[0]
    assert not [source for source, _ in machine.edges if source in machine.terminal]
    assert not any(machine.legal(state) for state in machine.terminal)
    assert len(machine.edges) == len(rows(table))


@pytest.mark.parametrize("machine", [machine for machine, *_ in MACHINES])
def test_every_state_is_reached_from_the_start_and_reaches_an_end(machine: Machine[StrEnum, StrEnum]) -> None:
    def reached_from(state: StrEnum) -> set[StrEnum]:
        found, look = {state}, [state]
        while look:
            here = look.pop()
            new = {target for (source, _), target in machine.edges.items() if source == here} - found
            found |= new
            look += new
        return found

    assert reached_from(machine.start[1]) == set(machine.states)
    assert all(reached_from(state) & machine.terminal for state in machine.states)


@pytest.mark.parametrize(
    ("machine", "table"),
    [
        (BATCH_JOB, WHO),
        (GROUP_JOB, WHO),
        (TASK_JOB, WHO),
        (EDIT_JOB, EDIT_WHO),
        (REWORK_JOB, REWORK_WHO),
        (REVIEW_JOB, REVIEW_WHO),
    ],
)
def test_who_may_fire_what(machine: PeopleMachine[Any, Any], table: dict[str, str]) -> None:
    for (state, event), who in machine.who.items():
        named = table.get(f"{state} {event}", table.get(event, ""))
        assert " ".join(sorted(word.replace(" ", "_") for word in who)) == named, (state, event)
    assert machine.who.keys() == machine.edges.keys()


def test_what_is_done_is_an_end_though_it_may_be_archived_or_retried() -> None:
    for machine in (EDIT_JOB, REWORK_JOB, REVIEW_JOB):
        assert {str(state) for state in machine.ends} == {"Completed", "Abandoned", "Archived"}
    for kind, machine in KINDS.items():
        assert machine.terminal <= machine.ends
        assert {word for word in machine.words if word in ENDS} == machine.ends, kind
    with pytest.raises(ValueError, match="never left"):
        Machine("odd", TASK.start, TASK.edges, ends=())


def test_an_event_is_known_by_either_spelling() -> None:
    assert TASK_JOB.named("GiveUp") is TASK_JOB.named("give-up") is TaskStatusEvent.GIVE_UP
    assert TASK_JOB.named("giveup") is TASK_JOB.named("Give-Up") is None


def test_the_codes_are_the_published_ones() -> None:
    assert {str(status): code for status, code in CODES.items()} == {
        "Waiting": 1, "Ready": 2, "Working": 5, "Complete": 10, "Cancelled": 0,
    }  # fmt: skip


def test_a_pair_that_is_named_twice_is_a_mistake() -> None:
    state, event = next(iter(TASK.edges))
    with pytest.raises(ValueError, match="two edges"):
        edges(([state], event, state), ([state], event, state))
