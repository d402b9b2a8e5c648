"""Sites: who is there, what they offer, whether work gets on and whether they are given any."""

from collections import defaultdict
from typing import Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from orchestrator.cli import drain, new_site, restart, text
from orchestrator.cli.output import cell, console, put_facts, put_json, say, table
from orchestrator.cli.verb import Call, verb
from orchestrator.domain.health import first_line


class ShowByDefault(TyperGroup):
    """A group in which what is no command is the name of a site to show."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant, and its arguments."""
        known = self.get_command(ctx, args[0]) is not None
        return super().resolve_command(ctx, args if known or args[0].startswith("-") else ["show", *args])


def add_to(app: typer.Typer) -> None:
    """Add ``sites``, and the group ``site``."""
    verb(app, "sites")(sites)
    summary = "Look at one site (`site NAME` is `site show NAME`), give it work or none, or make a new one."
    group = typer.Typer(name="site", help=summary, no_args_is_help=True, cls=ShowByDefault)
    verb(group, "show")(show)
    drain.add_to(group)
    restart.add_to(group)
    new_site.add_to(group)
    app.add_typer(group)


def sites(call: Call) -> None:
    """List sites: their health, workers and what waits for them."""
    with call.client() as client:
        found = list(client.pages("/sites"))
        call.put_list(
            found,
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
            lambda item: (
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
            ),
            empty="no site has announced itself yet: start one with `orchestrator worker --config site.toml`",
        )
    if not call.json and (flower := next((site["flower_url"] for site in found if site.get("flower_url")), None)):
        say()
        say(f"Flower: {flower}  (user and password: see profile.json)")


def show(call: Call, name: drain.Name) -> None:
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
            "Flower": site.get("flower_url"),
        }
    )
    for drawn in (_nodes(site), _queues(site), _offered(site), _partly(site)):
        if drawn.row_count:
            say()
            console().print(drawn)
    _show_tracebacks(site)


def _nodes(site: dict[str, Any]) -> Table:
    """The processes of its hosts."""
    titles = [
        "node",
        "function",
        "version",
        "pool",
        "slots#",
        "running#",
        "limits",
        "clock#",
        "last heard",
        "problems~",
    ]
    rows = (
        (
            node["node"],
            node["function"],
            node["version"],
            node["pool"],
            node["concurrency"],
            node["running"],
            ", ".join(f"{name} {value:,g}" for name, value in node["limits"].items()),
            f"{node['clock_skew_s']:+d} s",
            "left" if node["left_at"] else text.when(node["last_heard"]),
            "; ".join(map(first_line, node["problems"])),
        )
        for node in site["nodes"]
    )
    return table(titles, rows)


def _queues(site: dict[str, Any]) -> Table:
    """What each queue has to do."""
    titles = ["queue", "function", "work", "slots#", "running#", "longest#", "waiting#", "oldest wait#"]
    rows = (
        (
            queue["queue"],
            queue["function"],
            drain.stance(queue),
            queue["concurrency"],
            queue["running"],
            text.duration(queue["longest_running_s"]),
            queue["waiting"],
            text.duration(queue["oldest_wait_s"]),
        )
        for queue in site["queues"]
    )
    return table(titles, rows)


def _offered(site: dict[str, Any]) -> Table:
    """Its actions, each version once."""
    actions: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in site["actions"]:
        actions[one["action"], one["version"]].append(one)
    rows = (
        (
            action,
            version,
            some[0]["runs_in"],
            ", ".join(one["function"] for one in some),
            text.duration(max((one["longest_s"] for one in some if one["longest_s"] is not None), default=None)),
            some[0]["description"],
        )
        for (action, version), some in actions.items()
    )
    return table(["action", "version", "asks for", "offered in", "longest#", "what it does~"], rows)


def _partly(site: dict[str, Any]) -> Table:
    """What only some nodes of a queue offer."""
    rows = (
        (
            f"{queue['queue']}.{queue['function']}",
            some["action"],
            ", ".join(f"{node} {version}" for node, version in some["versions"].items()),
            ", ".join(some["missing"]),
        )
        for queue in site["queues"]
        for some in queue["partly"]
    )
    return table(["queue", "offered by some", "by", "not by"], rows)


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
