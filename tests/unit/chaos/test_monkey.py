"""The monkey goes by its seed, ends what it began, and says what it did; the reckoning adds up."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from orchestrator.chaos import Injected, Monkey, Report, Target
from orchestrator.chaos.faults import FAULTS, Lasting
from orchestrator.chaos.load import Runs
from orchestrator.chaos.target import NotNow
from orchestrator.chaos.trial import recoveries
from orchestrator.errors import ConfigError, Unreachable
from orchestrator.stack.scratch import stage_in

NOBODY = cast(Target, None)


def nothing(_target: Target, _random: Random) -> None:
    """Is injected, and does nothing."""


def days(monkey: Monkey, steps: int = 400) -> list[str]:
    """What it chooses while the clock moves on by itself."""
    for step in range(1, steps):
        monkey.step(step * 0.25)
    return [one.name for one in monkey.injected]


def test_the_seed_is_what_the_choices_come_from() -> None:
    harmless = {name: (weight, nothing) for name, (weight, _) in FAULTS.items()}
    first, again, other = (days(Monkey(NOBODY, seed, harmless)) for seed in (1, 1, 2))
    assert first == again != other
    assert 100 / 4 < len(first) < 100 / 0.5


def test_every_fault_comes_in_the_end_and_none_is_told_that_could_not_be() -> None:
    def not_now(_target: Target, _random: Random) -> None:
        raise NotNow

    told: list[Injected] = []
    faults = {name: (weight, nothing) for name, (weight, _) in FAULTS.items()} | {"never": (20, not_now)}
    monkey = Monkey(NOBODY, 3, faults, told.append)
    assert set(days(monkey, 2000)) == set(FAULTS)
    assert told == monkey.injected
    assert monkey.counts == {name: sum(one.name == name for one in told) for name in faults}
    assert monkey.counts["never"] == 0


def test_what_lasts_is_ended_once_and_not_begun_twice() -> None:
    events: list[str] = []

    def freeze(_target: Target, _random: Random) -> Lasting:
        events.append("frozen")
        return Lasting(20.0, lambda: events.append("healed"))

    monkey = Monkey(NOBODY, 1, {"freeze": (1, freeze)})
    days(monkey, 100)
    assert events == ["frozen", "healed", "frozen"]
    monkey.mend()
    assert events == ["frozen", "healed", "frozen", "healed"]


def failing(times: int) -> Callable[[], None]:
    left = [times]

    def heal() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise Unreachable("nobody answers")

    return heal


def test_mending_is_tried_again_and_gives_up_loudly() -> None:
    monkey = Monkey(NOBODY, 1, {"pause": (1, lambda _target, _random: Lasting(60.0, failing(2)))})
    monkey.run(0.15)
    assert monkey.counts == {"pause": 1}
    monkey = Monkey(NOBODY, 1, {"pause": (1, lambda _target, _random: Lasting(60.0, failing(1000)))})
    monkey.step(1.0)
    with pytest.raises(Unreachable, match="not mended: pause"):
        monkey.mend(within_s=0.1)


def test_runs_are_told_apart(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    assert Runs.read(ran).each == {}
    ran.write_text("64 1 0\n64 1 1\n64 2 1\n128 1 0\n128 1 0\n")
    runs = Runs.read(ran)
    assert runs.each.total() == 5
    assert runs.repeated == 1
    assert [(run.task, run.attempt) for run in runs.twice()] == [(128, 1)]
    assert runs.unrun([(64, 2), (128, 2), (192, 1)]) == [128, 192]


def test_a_recovery_is_up_to_the_next_end() -> None:
    injected = [Injected("early", 1.0), Injected("late", 4.0), Injected("last", 9.0)]
    assert recoveries(injected, [0.5, 1.5, 2.0, 8.0]) == [("early", 0.5), ("late", 4.0)]


GOOD: dict[str, Any] = {
    "seed": 1, "seconds": 60.0, "faults": {"kill": 10}, "recoveries": [("kill", 1.0), ("freeze", 9.0)], "checks": 15,
    "unanswered": 3, "violations": [], "jobs": {"Success": 1}, "unended": [], "bound_s": 90.0, "ended_after_s": 1.0,
    "tasks": 60, "paths": {"total": 1}, "runs": 1, "repeated": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"violations": ["I1: no"]}, "I1: no"),
        ({"unended": [3, 4]}, "jobs 3, 4 did not end within 90 s"),
        ({"faults": {"kill": 9}}, "only 9 faults"),
        ({"tasks": 59}, "only 59 tasks"),
        ({"checks": 14}, "asked only 14 times"),
    ],
)
def test_what_makes_a_trial_bad(change: dict[str, Any], said: str) -> None:
    assert Report(**GOOD).problems == []
    assert Report(**GOOD).worst == ("freeze", 9.0)
    (problem,) = Report(**GOOD | change).problems
    assert said in problem


def test_only_a_new_or_empty_folder_is_taken(tmp_path: Path) -> None:
    made = stage_in(tmp_path / "new")
    assert {made.home, made.files} <= set(made.folder.iterdir())
    with pytest.raises(ConfigError, match="is not empty"):
        stage_in(tmp_path / "new")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="can not be used"):
        stage_in(tmp_path / "file")
