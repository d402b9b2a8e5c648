"""Random people do random things, legal and illegal, and steps end in every way: each job can always get to an end."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from orchestrator.broker.permits import Permits
from orchestrator.domain.edit_job import EditEvent
from orchestrator.domain.people import kebab
from orchestrator.domain.roles import Role
from orchestrator.errors import Conflict, Forbidden, IllegalTransition
from orchestrator.services.actions import ACTIONS
from orchestrator.services.fire import fire
from orchestrator.services.keys import Caller
from orchestrator.storage.queries.jobs import read_job
from tests.integration.hub.conftest import World, new_hub, world
from tests.integration.people.conftest import Document, People, Somebody
from tests.integration.people.editing import BROKE, GOOD, JUDGED, Desk

__all__ = ["new_hub", "world"]
PEOPLE = {
    "ed": Caller("ed", frozenset({Role.WORKER}), 0, frozenset({"editors"})),
    "eve": Caller("eve", frozenset({Role.WORKER}), 0, frozenset({"editors"})),
    "rita": Caller("rita", frozenset({Role.REVIEWER}), 0, frozenset({"qa"})),
    "pia": Caller("pia", frozenset({Role.PLANNER}), 0),
    "ada": Caller("ada", frozenset({Role.ADMIN}), 0),
}
SAID: Document = {"Revoke": {"reason": "because"}, "Allocate": {"group": "editors"}}
STEPS = ("extract", "validate", "reconcile", "commit", "publish", "cleanup")
NUMBERS = itertools.count()


@dataclass
class Play:
    """One job and its family, and whoever does something to them."""

    world: World
    job: int
    log: list[str] = field(default_factory=list[str])

    def family(self) -> list[int]:
        """The job, and what it waits for or has waited for; the newest last."""
        rows = self.world.all(
            "select id from jobs where id = :job or (parent_id = :job and kind <> 'batch') order by id", job=self.job
        )
        return [row.id for row in rows]

    def seen(self, job: int, who: str) -> tuple[str, list[str]]:
        with self.world.engine.connect() as tx:
            view = read_job(tx, job, PEOPLE[who].person)
        return view.state, view.legal_events

    def fire(self, job: int, who: str, event: str) -> None:
        """What is legal is done; what is not is refused, and leaves no trace."""
        before, legal = self.seen(job, who)
        entries = self.entries()
        self.log.append(f"{who}: {event} at {job} ({before})")
        said, done = SAID.get(event, {}), True
        revoke = Permits(self.world.redis).revoke
        try:
            with self.world.engine.begin() as tx:
                fire(tx, job, kebab(event), PEOPLE[who], lambda model: model(**said), ACTIONS, revoke)
        except (Forbidden, Conflict, IllegalTransition) as refused:
            self.log.append(str(refused))
            done = False
        assert done == (event in legal), self.log
        assert done or self.entries() == entries, self.log

    def entries(self) -> int:
        return self.world.one("select count(*) as n from history").n

    def step(self, said: Document) -> None:
        """The step that runs, if one does, ends so."""
        self.world.turn(2)
        if self.world.london.waiting():
            parcel = self.world.london.parcel()
            if self.world.london.claim(parcel):
                self.log.append(f"{'good' if said is GOOD else 'bad'} step, job {parcel.job}")
                self.world.london.finish(parcel, 2, **said)
        self.world.turn(2)

    def ends(self) -> None:
        """Whatever has been done, the people whose it is bring it to its end."""
        for _ in range(60):
            self.settle()
            state = self.world.state(self.job)
            claimed = self.world.one("select claimed_by from jobs where id = :job", job=self.job).claimed_by
            match state:
                case "Completed" | "Abandoned" | "Archived":
                    return
                case "Proposed":
                    self.fire(self.job, "pia", "Allocate")
                case "Allocated":
                    self.fire(self.job, "ed", "Activate")
                case "Prepared" | "Downloaded":
                    self.fire(self.job, claimed, "Download" if state == "Prepared" else "Upload")
                case "Invalid" | "Quarantined" | "Conflicted":
                    self.fire(self.job, "pia", "Recalled")
                    quarantine = "update edit_jobs set quarantine = false where job_id = :job returning 1"
                    self.world.one(quarantine, job=self.job)
                case "Failed":
                    self.fire(self.job, "ada", "StepResumed")
                case _:
                    self.step(GOOD)
        raise AssertionError((self.world.state(self.job), self.log))

    def settle(self) -> None:
        """Nothing is to wait for time here."""
        self.world.one("with u as (update edit_jobs set go_on_at = now() where go_on_at is not null) select 1")
        self.world.one("with u as (update jobs set dequeue_by = now() where state = 'Dequeuing') select 1")
        self.world.turn()


WHO = st.sampled_from(sorted(PEOPLE))
EVENTS = st.sampled_from([str(event) for event in EditEvent])
DEED = st.one_of(
    st.tuples(st.just("fire"), WHO, EVENTS, st.integers(0, 3)),
    st.tuples(st.just("legal"), WHO, st.integers(0, 20), st.integers(0, 3)),
    st.tuples(st.just("step"), st.sampled_from([GOOD, GOOD, JUDGED, BROKE])),
)


@pytest.mark.timeout(240)
def test_every_job_gets_to_an_end(world: World, people: People, planner: Somebody) -> None:
    desk = Desk(world, people, planner)
    people("ed", groups=("editors",))
    people("eve", groups=("editors",))
    desk.define(*STEPS, quarantine=True, reviewers="qa", conflict_retries=1)

    # Each example takes some seconds: to look for a smaller one that fails would take for ever.
    @settings(max_examples=8, phases=[Phase.explicit, Phase.generate], suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(DEED, min_size=10, max_size=40))
    def play(deeds: Sequence[tuple[Any, ...]]) -> None:
        world.london.announce()
        play = Play(world, desk.new(name=f"job {next(NUMBERS)}"))
        for kind, *told in deeds:
            family = play.family()
            if kind == "step":
                play.step(told[0])
                continue
            who, what, which = told
            job = family[-1 - which % len(family)]
            legal = play.seen(job, who)[1]
            if kind == "fire":
                play.fire(job, who, what)
            elif legal:
                play.fire(job, who, legal[what % len(legal)])
            play.settle()
        play.ends()
        play.settle()
        world.all_holds()
        with world.engine.connect() as tx:
            open_ones = tx.execute(text("select id, state from jobs where ended_at is null")).all()
        assert not open_ones, (open_ones, play.log)

    play()
