"""Every state and event of every machine, against tables written down a second time, by hand."""

from enum import StrEnum
from typing import Any

import pytest

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.machine import Machine, edges
from orchestrator.domain.task import TASK
from orchestrator.errors import IllegalTransition

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

MACHINES: list[tuple[Any, tuple[str, str], str, str]] = [
    (BATCH_JOB, ("Submitted", "Pending"), JOB_TABLE, "Success Failure Cancelled"),
    (DISCOVERY, ("Submitted", "Waiting"), DISCOVERY_TABLE, "Closed Broken"),
    (TASK, ("Discovered", "Pending"), TASK_TABLE, "Success Error Failure Skipped Cancelled"),
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


def test_a_pair_that_is_named_twice_is_a_mistake() -> None:
    state, event = next(iter(TASK.edges))
    with pytest.raises(ValueError, match="two edges"):
        edges(([state], event, state), ([state], event, state))
