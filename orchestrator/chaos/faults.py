"""What a monkey can do to a stack. Each is one function; what lasts comes with what ends it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from redis import RedisError

from orchestrator.chaos.target import NotNow, Target
from orchestrator.client import ApiRefused
from orchestrator.errors import Unreachable


@dataclass(frozen=True, slots=True)
class Lasting:
    """A fault that lasts ``seconds``, until ``heal`` is called; that may raise Unreachable, and is called again."""

    seconds: float
    heal: Callable[[], None]


Fault = Callable[[Target, Random], Lasting | None]
"""Does it, or raises NotNow."""

LONGEST_FREEZE_S = 25.0
"""A worker that stands still for longer than a lease (15 s) wakes up as a zombie: its work has been given away."""


def _is(name: str) -> Callable[[str], bool]:
    return lambda part: part == name


def _pool(function: str) -> Callable[[str], bool]:
    return lambda part: part.endswith(f".{function}")


def _kill(fits: Callable[[str], bool]) -> Fault:
    def do(target: Target, random: Random) -> None:
        target.kill(target.part(random, fits))

    return do


def _kill_child(target: Target, random: Random) -> None:
    target.kill_child(random, target.part(random, _pool("worker")))


def _freeze(fits: Callable[[str], bool], shortest: float, longest: float) -> Fault:
    def do(target: Target, random: Random) -> Lasting:
        part, seconds = target.part(random, fits), random.uniform(shortest, longest)
        return Lasting(seconds, target.freeze(part))

    return do


def _broker(command: str, *arguments: str) -> Fault:
    def do(target: Target, _random: Random) -> None:
        try:
            target.redis.execute_command(command, *arguments)  # pyright: ignore[reportUnknownMemberType]
        except RedisError:
            raise NotNow from None

    return do


def _ask(target: Target, what: str, job: int, **said: object) -> None:
    """Ask for something of a job; NotNow when nobody answers, or the job is past it."""
    try:
        target.client.request("POST", f"/jobs/{job}/{what}", {"reason": "chaos", **said})
    except (Unreachable, ApiRefused):
        raise NotNow from None


def _some_job(target: Target, random: Random) -> int:
    try:
        going = [job["id"] for job in target.client.jobs(state=["Pending", "Started"], limit=50)]
    except (Unreachable, ApiRefused):
        raise NotNow from None
    if not going:
        raise NotNow
    return random.choice(going)


def _pause(target: Target, random: Random) -> Lasting:
    job = _some_job(target, random)
    _ask(target, "pause", job)

    def resume() -> None:
        try:
            target.client.request("POST", f"/jobs/{job}/resume", {"reason": "chaos"})
        except ApiRefused as refused:
            if refused.status != 409:  # it has ended, or somebody cancelled it
                raise Unreachable(refused.detail) from None

    return Lasting(random.uniform(0.5, 6.0), resume)


def _cancel(target: Target, random: Random) -> None:
    _ask(target, "cancel", _some_job(target, random), force=random.random() < 0.5)


FAULTS: Mapping[str, tuple[int, Fault]] = {
    "kill a worker's child": (4, _kill_child),
    "kill a worker": (2, _kill(_pool("worker"))),
    "kill a discovery worker": (2, _kill(_pool("discovery"))),
    "kill the hub": (3, _kill(_is("hub"))),
    "kill the API": (1, _kill(_is("api"))),
    "kill Redis": (2, _kill(_is("redis"))),
    "kill PostgreSQL": (1, _kill(_is("postgres"))),
    "freeze a worker beyond its lease": (1, _freeze(_pool("worker"), 16.0, LONGEST_FREEZE_S)),
    "freeze Redis": (1, _freeze(_is("redis"), 1.0, 8.0)),
    "FLUSHALL": (2, _broker("FLUSHALL")),
    "CLIENT KILL": (2, _broker("CLIENT", "KILL", "TYPE", "normal")),
    "pause and resume": (3, _pause),
    "cancel": (1, _cancel),
}
"""How often each is chosen beside the others, and what it does."""
