"""Enable, disable and drain a site, or a queue or a function of it."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from orchestrator.cli import complete
from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import DONE, FAILED, Call, verb
from orchestrator.client import DocumentClient, segment
from orchestrator.contracts.names import Function

Name = Annotated[str, typer.Argument(metavar="NAME", help="The site's name", autocompletion=complete.sites)]
Why = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit")]
Queue = Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Only this queue of it")]
Pool = Annotated[Function | None, typer.Option("--function", help="Only this function; with --queue: only this pool")]

_LOOK_S = 0.5


def add_to(group: typer.Typer) -> None:
    """Add the commands."""
    verb(group, "enable", epilog="Example:  orchestrator site enable london")(enable)
    verb(group, "disable", epilog="Example:  orchestrator site disable london --queue bulk")(disable)
    verb(group, "drain", epilog='Example:  orchestrator site drain london --reason "a new kernel" --wait')(drain)


def enable(call: Call, name: Name, *, queue: Queue = None, function: Pool = None, reason: Why = None) -> None:
    """Give a site work again, after it was disabled or drained; a part of it, after that part was."""
    with call.client() as client:
        _put(call, ask(client, name, "enable", reason, queue, function), queue, function)


def disable(call: Call, name: Name, *, queue: Queue = None, function: Pool = None, reason: Why = None) -> None:
    """Give a site nothing new; what it has been handed is finished."""
    with call.client() as client:
        _put(call, ask(client, name, "disable", reason, queue, function), queue, function)


def drain(
    call: Call,
    name: Name,
    *,
    queue: Queue = None,
    function: Pool = None,
    reason: Why = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return once nothing is with the site any more")] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="With --wait: how long to wait for that")
    ] = 3600.0,
) -> int:
    """Give a site nothing new and take back what it has not begun; what runs is finished."""
    with call.client() as client:
        site = ask(client, name, "drain", reason, queue, function)
        if wait:
            site = _drained(client, site, timeout, queue, function)
    _put(call, site, queue, function)
    if wait and not all(part["drained"] for part in _parts(site, queue, function)):
        warn(f"orchestrator: {_named(site, queue, function)} is not drained: {_left(site, queue, function)}")
        return FAILED
    return DONE


def ask(
    client: DocumentClient,
    name: str,
    what: str,
    reason: str | None,
    queue: str | None = None,
    function: Function | None = None,
) -> dict[str, Any]:
    """The site as it then is."""
    said = {"reason": reason, "queue": queue, "function": function and function.value}
    said = {name: value for name, value in said.items() if value is not None}
    return client.request("POST", f"/sites/{segment(name)}/{what}", said)


def stance(site: dict[str, Any]) -> str:
    """Whether it, or a pool of it, is given work, in a word."""
    if site["draining"]:
        return "drained" if site["drained"] else "draining"
    return "enabled" if site["enabled"] else "disabled"


def _parts(site: dict[str, Any], queue: str | None, function: Function | None) -> Sequence[dict[str, Any]]:
    """What was meant: the site, or pools of it."""
    if queue is None and function is None:
        return [site]
    return [
        pool
        for pool in site["queues"]
        if queue in (None, pool["queue"]) and (function is None or pool["function"] == function.value)
    ]


def _drained(
    client: DocumentClient, site: dict[str, Any], timeout_s: float, queue: str | None, function: Function | None
) -> dict[str, Any]:
    """The site when nothing is with it, when somebody has enabled it meanwhile, or when the time is over."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        parts = _parts(site, queue, function)
        if all(not part["draining"] or part["drained"] for part in parts):
            break
        time.sleep(_LOOK_S)
        site = client.site(site["name"])
    return site


def _put(call: Call, site: dict[str, Any], queue: str | None, function: Function | None) -> None:
    if call.json:
        put_json(site)
        return
    stances = sorted({stance(part) for part in _parts(site, queue, function)})
    words = " and ".join(stances) or "not there, as far as is known"
    say(f"{_named(site, queue, function)} is {words}; {_left(site, queue, function)}")


def _named(site: dict[str, Any], queue: str | None, function: Function | None) -> str:
    part = " ".join(word for word in (queue and f"queue {queue}", function and f"function {function.value}") if word)
    return f"site {site['name']}{part and f', {part},'}"


def _left(site: dict[str, Any], queue: str | None, function: Function | None) -> str:
    left = sum(part["with_site"] for part in _parts(site, queue, function))
    return f"tasks and walks with it: {left:,}" if left else "nothing is with it"
