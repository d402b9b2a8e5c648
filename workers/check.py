# ruff: noqa: T201 - this is a program, and talks to a person
"""``--check``: what a site's file would start and offer, and everything that is wrong with it, with the remedy."""

import os
import sys
import time
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import httpx
from redis import Redis, RedisError
from redis.exceptions import AuthenticationError, NoPermissionError

from orchestrator.contracts import names
from orchestrator.domain.health import SKEWED_AFTER_S
from orchestrator.errors import ConfigError
from workers.admission import forbidden
from workers.app import make_app, node_name
from workers.registry import REGISTRY
from workers.runtime import Runtime
from workers.site import SiteFile, pool_of

_HUB_SECONDS = 5.0
_NEW_USER = "make it a user of its own, on the hub's machine: orchestrator site new"


def check(site: SiteFile, file: Path) -> int:
    """Print what this file would start and what is wrong with it; 1 when something is."""
    queue, function, _ = site.lanes[0]
    make_app(site, queue, function)
    runtime = Runtime(site, site.key_bytes, "check", queue, function)
    wrong = [*REGISTRY.problems, *_roots(site), *_allow(site), *_folders(site, runtime)]
    wrong += [f"stores: {fault}" for fault in runtime.roots.stores.check()]
    wrong += [*_private(site, file), *_headers(site), *_broker(site, runtime.redis()), *_hub(site)]
    print(f"site {site.name}")
    for queue, function, count in site.lanes:
        bounds = ", ".join(f"{name} {value:,g}" for name, value in site.limits.of(function).said().items())
        shown = f"{count} at once ({pool_of(site, function)}{f'; {bounds}' if bounds else ''})"
        print(f"  pool {node_name(site.name, queue, function)}: {shown}")
    if site.limits.user:
        print(f"  user: {site.limits.user}")
    for root in site.roots:
        alias = f", also {root.alias}" if root.alias else ""
        print(f"  root {root.path}{' (read only)' if root.read_only else ''}{alias}")
    for store in site.stores:
        print(f"  store {store.url}{' (read only)' if store.read_only else ''}")
    offered = [a for _, a in sorted(REGISTRY.actions.items()) if not forbidden(a.name, site)]
    print(f"  actions: {', '.join(f'{action.name} {action.version}' for action in offered)}")
    print(f"  discovery: {', '.join(sorted(REGISTRY.discoveries))}")
    for problem in wrong:
        said, *more = problem.splitlines()
        print(f"  wrong: {said}")
        for line in more:
            print(f"    {line}")
    return 1 if wrong else 0


def _roots(site: SiteFile) -> Iterator[str]:
    if not (site.roots or site.stores):
        yield "roots: none; add [[roots]] with a path, or no file can be touched"
    for place, root in enumerate(site.roots):
        where = f"roots.{place}: {root.path}"
        access = os.R_OK | os.X_OK | (0 if root.read_only else os.W_OK)
        if not root.path.is_dir():
            yield f"{where}: no such folder; make or mount it, or take it out"
        elif not os.access(root.path, access):
            may = "read" if root.read_only else "read and write"
            yield f"{where}: this user may not {may} it; change its owner, limits.user or read_only"
        if root.path in {other.path for other in site.roots[:place]}:
            yield f"{where}: is there twice; the second counts for nothing"


def _allow(site: SiteFile) -> Iterator[str]:
    for pattern in site.allow:
        if pattern != "*" and not any(fnmatchcase(action, pattern) for action in REGISTRY.actions):
            close = get_close_matches(pattern, REGISTRY.actions, n=1)
            hint = f"did you mean {close[0]}?" if close else "install its plugin, or take it out"
            yield f"allow: {pattern!r} is no action of this host; {hint}"


def _folders(site: SiteFile, runtime: Runtime) -> Iterator[str]:
    try:
        runtime.seen.check()
    except ConfigError as error:
        yield f"state: {error}"
    if site.spool is not None:
        try:
            site.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            yield f"spool: {site.spool} can not be made: {error.strerror}"
        else:
            if not os.access(site.spool, os.W_OK | os.X_OK):
                yield f"spool: this user may not write to {site.spool}; change its owner"
    if site.limits.user and not os.access(sys.executable, os.X_OK):
        yield f"limits.user: {site.limits.user} may not read {sys.executable}; install it where that user can"


def _private(site: SiteFile, file: Path) -> Iterator[str]:
    """The files that may hold secrets, as far as their names are known here."""
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except OSError:
        return  # whoever it is run as need not read what root has read
    secrets = (site.key.get_secret_value(), site.redis_url.get_secret_value())
    if mode & 0o077 and any(secret in text for secret in secrets):
        yield f"{file}: others may read it, and it holds a secret; chmod 600, or use key_file and redis_url_file"
    for secret in (site.http.headers_file, *(store.options_file for store in site.stores)):
        if secret is not None and secret.exists() and secret.stat().st_mode & 0o077:
            yield f"{secret}: others may read it, and it holds secrets; chmod 600"


def _headers(site: SiteFile) -> Iterator[str]:
    try:
        site.http.headers("")
    except ConfigError as error:
        yield f"http: {error}"


def _broker(site: SiteFile, redis: Redis) -> Iterator[str]:
    """Whether it answers, lets this site do its work, and nothing else."""
    client = cast(Any, redis)
    try:
        client.ping()
        client.hget(names.queue_epochs_key(site.name), "check")
        client.xlen(names.reports_stream(site.name))
        skew = time.time() - float(client.time()[0])
    except AuthenticationError:
        yield f"redis_url: the broker does not know this user or password; {_NEW_USER} {site.name}"
        return
    except NoPermissionError as error:
        yield f"redis_url: this user may not do what site {site.name} needs ({error}); {_NEW_USER} {site.name}"
        return
    except (RedisError, ValueError) as error:
        yield f"redis_url: the broker does not answer: {error}"
        return
    if abs(skew) > SKEWED_AFTER_S:
        yield f"clock: {skew:+.0f} s off the broker's; keep it right with NTP"
    try:
        client.xlen(names.reports_stream(f"not-{site.name}"))
    except NoPermissionError:
        return
    print(f"  note: this Redis user reaches other sites' queues too; {_NEW_USER} {site.name}")


def _hub(site: SiteFile) -> Iterator[str]:
    if site.hub_url is None:
        return
    url = f"{site.hub_url.rstrip('/')}/health/ready"
    try:
        answer = httpx.get(url, timeout=_HUB_SECONDS)
    except httpx.HTTPError as error:
        yield f"hub_url: {url} does not answer ({error}); is the API running, and the way to it open?"
        return
    if answer.status_code != 200:
        yield f"hub_url: {url} says {answer.status_code}; on the hub's machine run orchestrator doctor"
