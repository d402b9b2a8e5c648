"""A hub on real PostgreSQL and Redis, and a site whose every word the test writes."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from redis import Redis
from sqlalchemy import Engine, text

from orchestrator.broker.connection import connect
from orchestrator.broker.permits import Permits
from orchestrator.contracts import names, seal
from orchestrator.contracts.batch import Batch, Found
from orchestrator.contracts.canary import CANARY_TASK, Canary
from orchestrator.contracts.claims import CLAIM, claim_call
from orchestrator.contracts.parcel import Parcel, WalkOrder
from orchestrator.contracts.paths import PathList, pack
from orchestrator.contracts.report import ActionOffer, Announcement, Ended, Item, Reports, Started
from orchestrator.hub import Hub
from orchestrator.services.control import Wish, locked
from orchestrator.services.define import create
from orchestrator.services.submit import submit
from orchestrator.storage.queries.invariants import violations
from orchestrator.storage.queries.snapshot import snapshot

SECRET = b"a secret of more than thirty-two characters"
T = TypeVar("T", bound=msgspec.Struct)


@dataclass
class Site:
    """Speaks for a site: takes its messages from the queues, and writes its streams."""

    redis: Redis
    name: str
    secret: bytes = SECRET
    node: str = "node"
    boot: str = ""
    """Which start of its workers this is; without one they are old workers, who know no canaries."""
    queue_epoch: int = 0
    offers: Sequence[str] = ("noop", "fs.checksum")
    taken: list[Parcel] = field(default_factory=list)

    @property
    def key(self) -> bytes:
        return seal.site_key(self.secret, self.name)

    def announce(
        self, functions: Sequence[str] = ("worker", "discovery"), concurrency: int = 2, running: int = 0
    ) -> None:
        self.redis.sadd(names.SITES_KEY, self.name)
        anything = {"type": "object"}
        for function in functions:
            offers = [ActionOffer(name, "1", anything) for name in self.offers] if function == "worker" else []
            said = Announcement(
                f"{self.name}.{function}@host", function, ["default"], concurrency, "1", time.time(),
                actions=offers, discoveries=["recursive", "given"], boot=self.boot, queue_epoch=self.queue_epoch,
                running=running,
            )  # fmt: skip
            self._send(names.reports_stream(self.name), Reports(self.name, said.node, announcement=said))

    def report(self, *items: Item) -> None:
        self._send(names.reports_stream(self.name), Reports(self.name, f"{self.name}.worker@host", list(items)))

    def batch(self, order: WalkOrder, sequence: int, *paths: list[bytes], **more: Any) -> None:
        found = [Found(rule, len(some), pack(PathList(some))) for rule, some in enumerate(paths) if some]
        self.entry(order, sequence, found, **more)

    def entry(self, order: WalkOrder, sequence: int, found: list[Found], **more: Any) -> None:
        """Send an entry of a walk."""
        batch = Batch(self.name, self.node, order.job, order.subtree, order.attempt, sequence, found=found, **more)
        self._send(names.batches_stream(self.name), batch)

    def canaries(self, function: str = "worker") -> list[Canary]:
        """Take the canaries out of a queue; what else is in it stays."""
        queue, found = names.queue(self.name, "default", function, self.queue_epoch), []
        for raw in self.redis.lrange(queue, 0, -1):  # type: ignore[union-attr]
            message = json.loads(raw)
            if message["headers"]["task"] == CANARY_TASK:
                self.redis.lrem(queue, 1, raw)  # type: ignore[arg-type]
                args, _, _ = json.loads(base64.b64decode(message["body"]))
                found.append(seal.unseal(self.key, Canary, base64.b64decode(args[0])))
        return found

    def hear(self, *canaries: Canary) -> None:
        """Say that these got through."""
        for canary in canaries:
            node = f"{self.name}.{canary.function}@host"
            self._send(names.reports_stream(self.name), Reports(self.name, node, heard=[canary.id]))

    def walk(self) -> WalkOrder:
        return self._pop("discovery", WalkOrder)

    def parcel(self) -> Parcel:
        parcel = self._pop("worker", Parcel)
        self.taken.append(parcel)
        return parcel

    def claim(self, message: Parcel | WalkOrder) -> bool:
        """Claim what a message holds, as a worker does; whether it was won."""
        keys, arguments = claim_call(self.name, message.epoch, message.job, message.id)
        return self.redis.register_script(CLAIM)(keys=keys, args=arguments) == b"won"

    def start(self, parcel: Parcel) -> None:
        """Claim a parcel and say that its tasks have begun."""
        assert self.claim(parcel)
        self.report(*(Started(order.task, order.attempt, time.time()) for order in parcel.tasks))

    def hold(self, *held: str, leaving: bool = False) -> None:
        """The worker's parent speaks: what it holds."""
        said = Announcement(
            f"{self.name}.worker@host", "worker", ["default"], 2, "1", time.time(), holding=list(held), leaving=leaving
        )
        self._send(names.reports_stream(self.name), Reports(self.name, said.node, announcement=said))

    def waiting(self, function: str = "worker") -> int:
        return self.redis.llen(names.queue(self.name, "default", function, self.queue_epoch))  # type: ignore[return-value]

    def finish(self, parcel: Parcel, given: int, **said: Any) -> None:
        """Start and end the tasks of a parcel, all paths processed unless said otherwise."""
        said = said or {"processed": given}
        for order in parcel.tasks:
            self.report(Started(order.task, order.attempt, time.time()), Ended(order.task, order.attempt, 0.1, **said))

    def _send(self, stream: str, message: msgspec.Struct) -> None:
        self.redis.xadd(stream, {"d": seal.seal(self.key, message)})

    def _pop(self, function: str, kind: type[T]) -> T:
        raw = self.redis.rpop(names.queue(self.name, "default", function, self.queue_epoch))
        assert raw is not None, f"nothing for {function}"
        args, _, _ = json.loads(base64.b64decode(json.loads(raw)["body"]))  # type: ignore[arg-type]
        return seal.unseal(self.key, kind, base64.b64decode(args[0]))


@dataclass
class World:
    """A hub, its database, and two sites."""

    engine: Engine
    redis: Redis
    hub: Hub
    london: Site
    paris: Site
    workspaces: Path
    """The folder of the edit jobs' data."""

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.hub.tick()
            self.hub.beside.wait()

    def define(self, *chains: Sequence[dict[str, Any]], discovery: str | None = "recursive", **more: Any) -> str:
        rule = {
            name: more.pop(name) for name in list(more) if name not in ("tolerance", "breaker", "fields", "max_running")
        }
        rules = [
            {"type": "all", "state": "all", "include": [f"*.{place}"] if len(chains) > 1 else ["*"], "action": chain}
            | rule
            for place, chain in enumerate(chains)
        ]
        with self.engine.begin() as tx:
            create(tx, {"name": "work", "discovery": discovery, "filter_rules": rules, **more}, "tester")
        return "work"

    def submit(self, paths: Sequence[str] = ("/data",), **more: Any) -> int:
        with self.engine.begin() as tx:
            body = {"workflow": "work", "site": "london", "paths": list(paths)} | more
            return submit(tx, body, "tester").job_id

    def one(self, statement: str, **values: Any) -> Any:
        with self.engine.begin() as tx:
            return tx.execute(text(statement), values).one()

    def all(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.begin() as tx:
            return list(tx.execute(text(statement), values).all())

    def control(self, do: Callable[..., Any], job: int, **more: Any) -> Any:
        """Pause, resume or cancel, as the API does."""
        wish = Wish[do.__name__.upper()]
        if wish is not Wish.RESUME:
            more["revoke"] = Permits(self.redis).revoke
        with self.engine.begin() as tx:
            return do(tx, locked(tx, job, wish), "tester", "because", **more)

    def state(self, job: int) -> str:
        return self.one("select state from jobs where id = :job", job=job).state

    def tasks(self, job: int) -> list[tuple[int, str]]:
        """(step, state) in the order of ids."""
        rows = self.all("select id & 63 as step, state from tasks where job_id = :job order by id", job=job)
        return [(row.step, row.state) for row in rows]

    def all_holds(self) -> None:
        """Every invariant that the database can be asked for."""
        with snapshot(self.engine) as tx:
            assert not [str(one) for one in violations(tx)]


@pytest.fixture
def world(engine: Engine, redis_url: str, tmp_path: Path) -> Iterator[World]:
    redis = connect(redis_url)
    with engine.connect() as connection:
        connection.detach()
        hub = Hub(connection, redis, SECRET, "test", tmp_path / "workspaces", most=1)
        hub.take_over()
        world = World(engine, redis, hub, Site(redis, "london"), Site(redis, "paris"), tmp_path / "workspaces")
        world.turn()
        world.london.announce()
        world.paris.announce()
        hub.meet_sites()
        world.turn(2)
        with hub.beside:
            yield world
        world.all_holds()
    redis.close()


@pytest.fixture
def new_hub(world: World) -> Iterator[Callable[[], Hub]]:
    """Another hub on a connection of its own, as after a crash of the first."""
    with ExitStack() as stack:

        def make() -> Hub:
            connection = stack.enter_context(world.engine.connect())
            hub = Hub(connection, world.redis, SECRET, "another", world.workspaces)
            stack.enter_context(hub.beside)
            hub.take_over()
            hub.meet_sites()
            return hub

        yield make
