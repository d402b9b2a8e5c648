"""Sites: who is there, what they offer, whether work gets on and whether they are given any; the key of a new one."""

from collections import defaultdict
from typing import Annotated, Any

import typer

from orchestrator.cli import drain, restart, text
from orchestrator.cli.output import cell, console, put_facts, put_json, put_json_lines, put_table, say, table
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.config import load_settings, read_secret
from orchestrator.contracts.seal import site_key
from orchestrator.domain.health import first_line

Name = Annotated[str, typer.Argument(metavar="NAME", help="The site's name")]


def add_to(app: typer.Typer) -> None:
    """Add ``sites``, and the group ``site``."""
    verb(app, "sites")(sites)
    summary = "Look at one site, give it work or none, or make the key for a new one."
    group = typer.Typer(name="site", help=summary, no_args_is_help=True)
    verb(group, "show")(show)
    drain.add_to(group)
    restart.add_to(group)
    verb(group, "key", epilog="Example:  orchestrator site key oslo > oslo.key")(key)
    app.add_typer(group)


def sites(call: Call) -> None:
    """List sites: their health, workers and what waits for them."""
    with call.client() as client:
        found = client.pages("/sites")
        if call.json:
            return put_json_lines(found)
        put_table(
            [
                "site",
                "health",
                "work",
                "nodes#",
                "slots#",
                "running#",
                "waiting#",
                "oldest#",
                "last heard",
                "problems~",
            ],
            (
                (
                    item["name"],
                    item["health"],
                    drain.stance(item),
                    sum(node["live"] for node in item["nodes"]),
                    item["concurrency"],
                    item["running"],
                    item["waiting"],
                    text.duration(item["oldest_wait_s"]),
                    text.when(item["last_heard"]),
                    "; ".join(item["problems"]),
                )
                for item in found
            ),
            empty="no site has announced itself yet: start one with `orchestrator worker --config site.toml`",
        )
    return None


def show(call: Call, name: Name) -> None:
    """Show one site: its nodes, its queues and the actions it offers."""
    with call.client() as client:
        found = client.site(name)
    if call.json:
        put_json(found)
    else:
        _show(found)


def _show(site: dict[str, Any]) -> None:
    put_facts(
        {
            "site": site["name"],
            "health": cell(site["health"]),
            "problems": "; ".join(site["problems"]) or None,
            "work": drain.stance(site),
            "tasks and walks with it": site["with_site"],
            "restart": _restart(site["restart"]),
            "last heard": text.when(site["last_heard"]),
        }
    )
    nodes = (
        (
            node["node"],
            node["function"],
            node["concurrency"],
            node["running"],
            text.when(node["last_heard"]),
            "; ".join(map(first_line, node["problems"])),
        )
        for node in site["nodes"]
    )
    queues = (
        (
            queue["queue"],
            queue["function"],
            queue["running"],
            queue["waiting"],
            text.duration(queue["oldest_wait_s"]),
        )
        for queue in site["queues"]
    )
    actions = ((action["action"], action["version"], action["description"]) for action in site["actions"])
    for drawn in (
        table(["node", "function", "concurrency#", "running#", "last heard", "problems~"], nodes),
        table(["queue", "function", "running#", "waiting#", "oldest wait#"], queues),
        table(["action", "version", "what it does~"], actions),
    ):
        if drawn.row_count:
            say()
            console().print(drawn)
    _show_tracebacks(site)


def _restart(told: dict[str, Any] | None) -> str | None:
    """How far its last restart is, or how it ended."""
    if told is None:
        return None
    if told["ended_at"] is None:
        return restart.stage(told)
    return told["problem"] or f"done, {text.when(told['ended_at'])}"


def _show_tracebacks(site: dict[str, Any]) -> None:
    """Why plugins could not be loaded: each once, with the nodes that say so."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for node in site["nodes"]:
        for problem in node["problems"] if node["live"] else ():
            said[problem].append(node["node"])
    for problem, nodes in said.items():
        say()
        say(f"not loaded at {', '.join(nodes)}:", "bold")
        for line in problem.splitlines():
            say(f"  {line}")


def key(call: Call, name: Name) -> None:
    """Print the key of a site, for its ``key_file``; it follows from the installation's secret.

    Run it where the installation is; bring the key to the site's host by a way that nobody else reads.
    """
    if not name or not set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-"):
        raise usage(f"{name!r} is no name of a site: small letters, digits, - and _")
    derived = site_key(_secret(call), name).hex()
    if call.json:
        put_json({"site": name, "key": derived})
    else:
        say(derived)


def _secret(call: Call) -> bytes:
    """The installation's secret: as the variables say, else the one in the home."""
    settings = load_settings().with_home(call.home)
    kept = settings.home / "secret"
    if settings.secret is None and settings.secret_file is None and kept.exists():
        return read_secret(kept)
    return settings.require_secret()
