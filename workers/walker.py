"""Carrying out an order to walk: run a discovery method, sort what it finds by the rules, send it to the hub."""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing

from orchestrator.contracts.batch import Shed
from orchestrator.contracts.failpoints import failpoint
from orchestrator.contracts.parcel import WalkOrder, discovery_task_name
from orchestrator.contracts.paths import pack, unpack
from orchestrator.contracts.seal import unseal
from orchestrator.errors import Refused, Unreachable, WireError
from orchestrator.logs import about
from workers.admission import NotAdmitted, check_epoch
from workers.discovery.finding import (
    Alive,
    DiscoveryContext,
    DiscoveryError,
    Finding,
    Found,
    Listing,
    Share,
    Sighted,
    Trouble,
)
from workers.discovery.gather import Gathering, Sorter, chunks
from workers.discovery.outlet import Outlet
from workers.parameters import Parameters
from workers.registry import REGISTRY
from workers.runtime import Runtime

log = logging.getLogger(__name__)

_FIRST_SECONDS, _SECONDS = 0.2, 1.0
"""How long a find waits for others: the first ones of a walk (work starts at once), and later ones."""
_SHARE_AFTER, _SHARE_AGAIN = 0.3, 2.0
"""Seconds of walking before parts are shared, so that small trees are not cut up, and from one sharing to the next."""

LEADING = ("ctx", "start", "cursor")
"""What a discovery method is given before its options."""

Search = Callable[[DiscoveryContext], Generator[Finding, None, None]]


def walk(runtime: Runtime, sealed: bytes, task_name: str) -> None:
    """Carry out a sealed WalkOrder that came as a Celery task of this name.

    An order that is not for this pool is refused without a word to the hub, and one that can not be claimed is dropped.
    Whatever goes wrong with the walk itself is sent to the hub as the reason why it is broken. Unreachable when Redis
    stays away.
    """
    try:
        order = accept(runtime, sealed, task_name)
    except NotAdmitted as refusal:
        log.warning("refused a message for %s: %s", task_name, refusal)
        return
    with about(job=order.job, attempt=order.attempt, walk=order.id):
        _carry_out(runtime, order)


def _carry_out(runtime: Runtime, order: WalkOrder) -> None:
    if runtime.claims.win(order):
        runtime.at_work.add(order.id)
        try:
            _Walk(order, Outlet(runtime, order), DiscoveryContext(runtime.roots)).run(_search(order))
        finally:
            runtime.at_work.discard(order.id)


def accept(runtime: Runtime, sealed: bytes, task_name: str) -> WalkOrder:
    """The order, when it is signed and meant for this pool; else NotAdmitted."""
    try:
        order = unseal(runtime.key, WalkOrder, sealed)
    except WireError as error:
        raise NotAdmitted(str(error)) from error
    if (order.site, order.queue) != (runtime.site.name, runtime.queue):
        raise NotAdmitted(f"it is for {order.site}.{order.queue}, and this is {runtime.site.name}.{runtime.queue}")
    if task_name != discovery_task_name(order.method):
        raise NotAdmitted(f"it is sealed for {discovery_task_name(order.method)}, and came as {task_name}")
    if order.expires <= time.time():
        raise NotAdmitted(f"walk {order.id} expired {time.time() - order.expires:.0f} s ago, by our clock")
    check_epoch(runtime.seen, order.epoch)
    return order


def _search(order: WalkOrder) -> Search:
    """The method that is ordered, bound to its options."""

    def search(ctx: DiscoveryContext) -> Generator[Finding, None, None]:
        method = REGISTRY.discoveries.get(order.method)
        if method is None:
            known = ", ".join(sorted(REGISTRY.discoveries))
            raise DiscoveryError(f"this site has no discovery {order.method!r} (it has: {known})")
        what = f"discovery {method.name!r} ({method.origin})"
        options = Parameters(method.function, what, leading=LEADING).bind(order.options)
        yield from method.function(ctx, unpack(order.input), order.cursor, **options)

    return search


class _Walk:
    """One walk, from its first entry to its last."""

    def __init__(self, order: WalkOrder, outlet: Outlet, ctx: DiscoveryContext) -> None:
        self._order, self._outlet, self._ctx = order, outlet, ctx
        self._gathering = Gathering(order.rules)
        self._cursor = order.cursor
        self._patience = _FIRST_SECONDS
        self._since: float | None = None
        self._share_from = time.monotonic() + _SHARE_AFTER

    def run(self, search: Search) -> None:
        """Search until there is nothing more, the hub says stop, or it breaks."""
        failpoint("discovery.claimed")
        self._outlet.begin()
        try:
            sorter = Sorter(self._order.rules)
            with closing(search(self._ctx)) as findings:
                for finding in findings:
                    self._take(finding, sorter)
                    self._pause_for_hub()
                    if self._outlet.over:
                        return
        except Unreachable:
            raise
        except (DiscoveryError, Refused) as error:
            self._send(broken=str(error))
        except Exception as error:
            log.exception("walk %s broke", self._order.id)
            self._send(broken=f"{type(error).__name__}: {error}")
        else:
            self._send(closed=True)

    def _take(self, finding: Finding, sorter: Sorter) -> None:
        match finding:
            case Listing():
                self._take_listing(finding, sorter)
            case Found(path, cursor, kind, state, size, base):
                one = Listing([path], kind, lambda _: cursor, b"", [state], [size], base)
                self._take_listing(one, sorter)
            case Trouble(path, message, cursor, error_class):
                self._gathering.add_trouble(path, message, error_class)
                self._cursor = cursor
            case Share(parts, cursor):
                self._cursor = cursor
                self._send(shed=[Shed(pack(part)) for part in parts])
                self._share_from = time.monotonic() + _SHARE_AGAIN
            case Sighted(sighting, cursor):
                self._gathering.add_sighting(sighting)
                self._cursor = cursor
            case Alive():
                pass

    def _take_listing(self, listing: Listing, sorter: Sorter) -> None:
        if not self._gathering.suits(listing.base):
            self._send()
        for chunk in chunks(listing):
            if self._outlet.over:
                return
            rules, at = sorter.sort(chunk), 0
            while at < len(rules) and not self._outlet.over:
                at = self._gathering.add(chunk, rules, at)
                self._cursor = chunk.cursor(at)
                if self._gathering.full:
                    self._send()

    def _pause_for_hub(self) -> None:
        """Between two findings: send what has waited long enough, see what the hub wants."""
        if self._outlet.over:
            return
        now = time.monotonic()
        if self._gathering and self._since is None:
            self._since = now
        self._outlet.look()
        if self._gathering.full or self._outlet.stopping or (self._since and now - self._since >= self._patience):
            self._send()
        self._ctx.idle = self._outlet.idle if now >= self._share_from else 0

    def _send(self, *, shed: list[Shed] | None = None, closed: bool = False, broken: str | None = None) -> None:
        self._outlet.send(self._gathering, self._cursor, shed=shed or [], closed=closed, broken=broken)
        self._gathering.clear()
        self._patience, self._since = _SECONDS, None
