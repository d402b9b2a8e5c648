"""A site's own user at the broker: what it may do is what the workers of that site do, to what is that site's.

Its keys are its queues, streams, hand-outs and leases, all of which have its name in front. Beside these it may read
the broker's epoch, say how its workers are (Celery's events), and answer those who ask them (``celery inspect``).
There is no command among these that deletes or sets plain keys, lists them, or changes how the broker works.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from orchestrator.contracts import names
from orchestrator.errors import ConfigError

_REPLIES = "reply.celery.pidbox"
"""Where Celery's workers answer, whoever asked."""
COMMANDS = (
    "+auth", "+ping", "+select", "+hello", "+client|setname", "+info", "+time", "+get", "+acl|whoami",
    "+@hash", "+@list", "+@set", "+@sortedset", "+@stream",
    # These write over whatever is at their destination, also over what may only be read.
    "-sinterstore", "-sunionstore", "-sdiffstore", "-zinterstore", "-zunionstore", "-zdiffstore", "-zrangestore",
    "+eval", "+evalsha", "+script|load", "+multi", "+exec", "+discard",
    "+publish", "+subscribe", "+psubscribe", "+unsubscribe", "+punsubscribe",
)  # fmt: skip
"""What Celery and our own workers say to the broker; a script may do no more than its caller."""


def user_of(site: str) -> str:
    """The name of its user; never that of another, such as ``default``."""
    return f"site-{site}"


def rules(site: str, password: str, *, fine: bool) -> list[str]:
    """The rules of its user, for ACL SETUSER and files alike; ``fine``: keys can be for reading only (Redis 7)."""
    read = "%R~" if fine else "~"
    keys = [f"~{names.PREFIX}:{site}:*", f"~{site}.*", f"~*.{_REPLIES}"]
    keys += [f"{read}{names.EPOCH_KEY}", f"{read}_kombu.binding.{_REPLIES}"]
    channels = ["&/0.celery.pidbox", "&/0.celeryev/*"]
    hashed = hashlib.sha256(password.encode()).hexdigest()
    return ["reset", "resetkeys", "resetchannels", "on", f"#{hashed}", *keys, *channels, "-@all", *COMMANDS]


def acl_line(site: str, password: str, *, fine: bool) -> str:
    """The same as a line of an ACL file."""
    return f"user {user_of(site)} {' '.join(rules(site, password, fine=fine)[1:])}"


def open_account(redis: Redis, site: str, password: str) -> bool:
    """Make (or make anew) the user of a site, and the site known; whether the broker keeps it over a restart.

    ConfigError when this connection may not.
    """
    client = cast(Any, redis)
    try:
        fine = version_of(redis) >= (7, 0)
        client.execute_command("ACL", "SETUSER", user_of(site), *rules(site, password, fine=fine))
        redis.sadd(names.SITES_KEY, site)
    except NoPermissionError as error:
        raise ConfigError(f"the hub's own Redis user may not make one for site {site}: {error}") from None
    except ResponseError as error:
        raise ConfigError(f"the broker can not make a user for site {site}: {error}") from None
    return any(_keeps(client, command) for command in (("ACL", "SAVE"), ("CONFIG", "REWRITE")))


def _keeps(client: Any, command: Sequence[str]) -> bool:
    try:
        client.execute_command(*command)
    except ResponseError:
        return False
    return True


def url_as(url: str, site: str, password: str, host: str | None = None) -> str:
    """The broker's address, for the site's own user; and at another host (and port) than here."""
    parts = urlsplit(url)
    host = host or parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user_of(site)}:{password}@{host}"))


def version_of(redis: Redis) -> tuple[int, ...]:
    """Redis's version, such as (6, 2, 14)."""
    told = cast("dict[str, str]", cast(Any, redis).info("server"))
    return tuple(int(part) for part in told["redis_version"].split(".")[:3])
