"""Enable, disable and drain a site."""

import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import DONE, FAILED, Call, verb
from orchestrator.client import Client

Name = Annotated[str, typer.Argument(metavar="NAME", help="The site's name")]
Why = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit")]

_LOOK_S = 0.5


def add_to(group: typer.Typer) -> None:
    """Add the commands."""
    verb(group, "enable", epilog="Example:  orchestrator site enable london")(enable)
    verb(group, "disable", epilog="Example:  orchestrator site disable london")(disable)
    verb(group, "drain", epilog='Example:  orchestrator site drain london --reason "a new kernel" --wait')(drain)


def enable(call: Call, name: Name, *, reason: Why = None) -> None:
    """Give a site work again, after it was disabled or drained."""
    with call.client() as client:
        _put(call, ask(client, name, "enable", reason))


def disable(call: Call, name: Name, *, reason: Why = None) -> None:
    """Give a site nothing new; what it has been handed is finished."""
    with call.client() as client:
        _put(call, ask(client, name, "disable", reason))


def drain(
    call: Call,
    name: Name,
    *,
    reason: Why = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return once nothing is with the site any more")] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="With --wait: how long to wait for that")
    ] = 3600.0,
) -> int:
    """Give a site nothing new and take back what it has not begun; what runs is finished."""
    with call.client() as client:
        site = ask(client, name, "drain", reason)
        if wait:
            site = _drained(client, site, timeout)
    _put(call, site)
    if wait and not site["drained"]:
        warn(f"orchestrator: site {name} is not drained: {_left(site)}")
        return FAILED
    return DONE


def ask(client: Client, name: str, what: str, reason: str | None) -> dict[str, Any]:
    """The site as it then is."""
    segment = quote(name, safe="", errors="surrogateescape")
    return client.request("POST", f"/sites/{segment}/{what}", {"reason": reason})


def stance(site: dict[str, Any]) -> str:
    """Whether it is given work, in a word."""
    if site["draining"]:
        return "drained" if site["drained"] else "draining"
    return "enabled" if site["enabled"] else "disabled"


def _drained(client: Client, site: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """The site when nothing is with it, when somebody has enabled it meanwhile, or when the time is over."""
    until = time.monotonic() + timeout_s
    while site["draining"] and not site["drained"] and time.monotonic() < until:
        time.sleep(_LOOK_S)
        site = client.site(site["name"])
    return site


def _put(call: Call, site: dict[str, Any]) -> None:
    if call.json:
        put_json(site)
    else:
        say(f"site {site['name']} is {stance(site)}; {_left(site)}")


def _left(site: dict[str, Any]) -> str:
    return f"tasks and walks with it: {site['with_site']:,}" if site["with_site"] else "nothing is with it"
