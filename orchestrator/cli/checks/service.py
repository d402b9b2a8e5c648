"""Check the service from outside, as its users see it: API, hub, sites, clocks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from orchestrator.cli.checks.finding import Finding, ok, warning, wrong
from orchestrator.client import ApiRefused, DocumentClient
from orchestrator.domain.health import first_line
from orchestrator.errors import Refused, Unreachable

MOST_SKEW_S = 5
"""Seconds that clocks may differ: seals expire by the clock, generously, but not by hours."""


def check_service(client: DocumentClient) -> Iterator[Finding]:
    """Everything that is asked of the API; what can not be asked after a failure is left out."""
    try:
        answer = client.readiness()
    except Unreachable as silent:
        yield wrong("api", str(silent), "start it: `orchestrator up`")
        return
    yield ok("api", client.url)
    yield from _ready(answer)
    yield from _clock(answer)
    try:
        sites = list(client.pages("/sites"))
    except (Refused, Unreachable) as error:
        if isinstance(error, ApiRefused) and error.status in (401, 403):
            yield wrong("key", str(error), "set ORCHESTRATOR_KEY to a good one; `orchestrator key create` makes them")
        else:
            yield wrong("sites", str(error), "look into the API's log")
        return
    yield ok("key", "is taken")
    yield from _sites(sites)


def _ready(answer: httpx.Response) -> Iterator[Finding]:
    """What ``/health/ready`` says of the parts behind the API, the hub's progress among them."""
    try:
        checks: dict[str, Any] = answer.json()["checks"]
    except (ValueError, KeyError, TypeError):
        yield wrong("ready", f"{answer.status_code} without checks", "is this an orchestrator? see its log")
        return
    for name, told in checks.items():
        good, said = _told(told)
        if good:
            yield ok(f"ready: {name}", said)
        else:
            yield wrong(f"ready: {name}", said, f"look at the {name}: is it running, and what does its log say?")


def _told(told: Any) -> tuple[bool, str]:
    return told == "ok", str(told)


def _clock(answer: httpx.Response) -> Iterator[Finding]:
    try:
        there = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return
    skew = abs((datetime.now(UTC) - there).total_seconds())
    if skew > MOST_SKEW_S:
        yield warning("clock", f"this machine and the service differ by {skew:.0f} s", "set both clocks (NTP)")
    else:
        yield ok("clock", "agrees with the service's")


def _sites(sites: list[dict[str, Any]]) -> Iterator[Finding]:
    if not sites:
        yield wrong("sites", "none has announced itself", "start one: `orchestrator worker --config site.toml`")
    for site in sites:
        yield _health(site)
        for node in site["nodes"]:
            skew = node.get("clock_skew_s") or 0
            if abs(skew) > MOST_SKEW_S:
                yield warning(
                    f"site {site['name']}", f"the clock of {node['node']} is {skew} s off", "set its clock (NTP)"
                )
            for problem in node.get("problems") or ():
                yield warning(
                    f"site {site['name']}",
                    f"{node['node']}: {first_line(problem)}",
                    f"its traceback: `orchestrator site show {site['name']}`, or `orchestrator worker --check`",
                )


def _health(site: dict[str, Any]) -> Finding:
    subject, said = f"site {site['name']}", f"{len(site['nodes'])} nodes, {site['health']}"
    remedy = f"see `orchestrator site show {site['name']}`; are its workers running, can they reach Redis?"
    if not site.get("enabled", True):
        return warning(
            subject, "is disabled", f"enable it when it is to work: POST /api/v1/sites/{site['name']}/enable"
        )
    match site["health"]:
        case "ok":
            return ok(subject, said)
        case "warning":
            return warning(subject, said, remedy)
        case _:
            return wrong(subject, said, remedy)
