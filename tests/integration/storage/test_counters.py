"""Counters, and what follows from them."""

import pytest
from sqlalchemy import Engine, text

from orchestrator.domain.discovery import DiscoveryState
from orchestrator.storage.counters import Deltas
from tests.integration.api.rows import add_job


@pytest.mark.parametrize(
    ("walks", "state"),
    [
        ("Closed Running Broken", "Running"),
        ("Closed Waiting Stopped", "Stopped"),
        ("Closed Waiting Broken", "Waiting"),
        ("Closed Broken Closed", "Broken"),
        ("Closed Closed", "Closed"),
        ("", "Closed"),
    ],
)
def test_the_walks_of_a_job_are_shown_as_one(engine: Engine, walks: str, state: str) -> None:
    deltas = Deltas()
    with engine.begin() as tx:
        job = add_job(tx)
        tx.execute(text("update discoveries set state = 'Waiting', waiting = 0, running = 0, closed = 0"))
        deltas.walks[job].update(map(DiscoveryState, walks.split()))
        deltas.write(tx)
        assert tx.execute(text("select state from discoveries")).scalar_one() == state
