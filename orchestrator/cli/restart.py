"""Restart a site's workers one after the other, so that newly installed plugins are taken up."""

import time
from typing import Annotated, Any

import typer

from orchestrator.cli import drain
from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import DONE, FAILED, INTERRUPTED, Call, usage, verb
from orchestrator.client import DocumentClient

_LOOK_S = 0.5


def add_to(group: typer.Typer) -> None:
    """Add the command."""
    verb(group, "restart", epilog="Example:  orchestrator site restart london --rolling")(restart)


def restart(
    call: Call,
    name: drain.Name,
    *,
    rolling: Annotated[bool, typer.Option("--rolling", help="One pool after the other: there is no other way")] = False,
    reason: drain.Why = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return once all have been restarted")] = True,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for that")] = 3600.0,
) -> int:
    """Let each worker of a site finish what it runs and begin anew, one after the other. Nothing is killed.

    Do it when plugins have been installed, removed or changed. A worker that runs something long is waited for.
    """
    if not rolling:
        raise usage("say --rolling: a site's workers are restarted one after the other")
    with call.client() as client:
        site = drain.ask(client, name, "restart", reason)
        try:
            if wait:
                site = _restarted(client, site, timeout, quiet=call.json)
        except KeyboardInterrupt:
            warn(f"stopped waiting; the restart goes on (orchestrator site show {name})")
            return INTERRUPTED
    if call.json:
        put_json(site)
    if not wait:
        if not call.json:
            say(f"the workers of {name} are restarted one after the other (orchestrator site show {name})")
        return DONE
    return _told(site, quiet=call.json)


def _told(site: dict[str, Any], *, quiet: bool) -> int:
    """Say how it has ended, or how far it is."""
    told = site["restart"]
    if told["ended_at"] is None:
        warn(f"orchestrator: site {site['name']} is not restarted yet: {stage(told)}; it goes on")
    elif told["problem"]:
        warn(f"orchestrator: site {site['name']}: {told['problem']}; {told['left']} were left as they are")
    else:
        if not quiet:
            say(f"site {site['name']} is restarted: {told['done']} workers have begun anew")
        return DONE
    return FAILED


def stage(told: dict[str, Any]) -> str:
    """How far a restart is."""
    done = f"{told['done']} of {told['done'] + told['left']} workers have begun anew"
    return f"{done}, waiting for {told['node']}" if told["node"] else done


def _restarted(client: DocumentClient, site: dict[str, Any], timeout_s: float, *, quiet: bool) -> dict[str, Any]:
    """The site when the restart has ended, when another has been asked for, or when the time is over."""
    until, asked_at, shown = time.monotonic() + timeout_s, site["restart"]["asked_at"], None
    while (told := site["restart"])["ended_at"] is None and told["asked_at"] == asked_at and time.monotonic() < until:
        if told["node"] and told["node"] != shown and not quiet:
            shown = told["node"]
            say(f"{shown} finishes what it runs and begins anew ({told['left']} to go)")
        time.sleep(_LOOK_S)
        site = client.site(site["name"])
    return site
