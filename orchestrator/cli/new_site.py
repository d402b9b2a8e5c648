"""Make a new site: its file, its key, and its own user at the broker."""

from pathlib import Path
from typing import Annotated

import typer
from redis import RedisError

from orchestrator.broker.account import acl_line, open_account, url_as, version_of
from orchestrator.broker.connection import connect
from orchestrator.cli.connect import find_profile
from orchestrator.cli.example import example
from orchestrator.cli.output import put_json, say, warn
from orchestrator.cli.verb import Call, usage, verb
from orchestrator.config import load_settings, read_secret
from orchestrator.contracts.seal import broker_password, site_key
from orchestrator.errors import ConfigError, Unreachable
from orchestrator.stack.private import write_private
from orchestrator.stack.sites import check_names

Name = Annotated[str, typer.Argument(metavar="NAME", help="The site's name")]
EPILOG = """Examples:

  orchestrator site new oslo --root /data

  orchestrator site new oslo --redis-host broker.example.org:6379 --hub-url https://hub.example.org --out /tmp/oslo
"""


def add_to(group: typer.Typer) -> None:
    """Add the commands."""
    verb(group, "new", epilog=EPILOG)(new)
    verb(group, "key", epilog="Example:  orchestrator site key oslo > oslo.key")(key)


def new(
    call: Call,
    name: Name,
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write it; else in a folder of its name")
    ] = None,
    root: Annotated[list[str] | None, typer.Option(metavar="DIR", help="A folder that it may touch")] = None,
    redis_host: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The broker, as the site reaches it; else as from here")
    ] = None,
    hub_url: Annotated[str | None, typer.Option(metavar="URL", help="The API, as the site reaches it")] = None,
) -> None:
    """Make a site: write its file, its key and its own user's way to the broker into a folder, to be taken to its host.

    Run it where the installation is. Run again, it gives the same key and password, and keeps a file that is there.
    """
    _check(name)
    secret, redis_url = _secret(call), _redis_url(call)
    password, folder = broker_password(secret, name), out or Path(name)
    redis = connect(redis_url)
    try:
        kept = open_account(redis, name, password)
        line = acl_line(name, password, fine=version_of(redis) >= (7, 0))
    except RedisError as error:
        raise Unreachable(f"the broker does not answer: {error}") from None
    finally:
        redis.close()
    url = url_as(redis_url, name, password, redis_host)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / "site.key", site_key(secret, name).hex() + "\n")
        write_private(folder / "redis.url", url + "\n")
        if is_new := not (folder / "site.toml").exists():
            write_private(folder / "site.toml", example(name, roots=root or ["/data"], hub_url=hub_url))
    except OSError as error:
        raise ConfigError(f"{folder} can not be written: {error.strerror}") from None
    if call.json:
        return put_json({"site": name, "folder": str(folder), "acl": line, "kept_by_broker": kept})
    say(f"{folder}: site.toml{'' if is_new else ' (was there, and is as it was)'}, site.key, redis.url")
    if not kept:
        warn("the broker forgets this user when it restarts: put this line into its aclfile, or its configuration")
        warn(f"  {line}")
    say("take the folder to the site's host by a way that nobody else reads, look through site.toml, and there:")
    say("  orchestrator worker --config site.toml --check")
    return None


def key(call: Call, name: Name) -> None:
    """Print the key of a site, for its ``key_file``; it follows from the installation's secret.

    Run it where the installation is; bring the key to the site's host by a way that nobody else reads.
    """
    _check(name)
    derived = site_key(_secret(call), name).hex()
    call.put({"site": name, "key": derived}, derived)


def _check(name: str) -> None:
    try:
        check_names([name])
    except ConfigError:
        raise usage(f"{name!r} is no name of a site: small letters, digits, - and _, 63 at most") from None


def _redis_url(call: Call) -> str:
    """The broker, as the variables say, else the profile in the home."""
    settings = load_settings().with_home(call.home)
    if settings.redis_url is None and (profile := find_profile(settings.home)):
        return profile.redis_url
    return settings.require_redis_url()


def _secret(call: Call) -> bytes:
    """The installation's secret: as the variables say, else the one in the home."""
    settings = load_settings().with_home(call.home)
    kept = settings.home / "secret"
    if settings.secret is None and settings.secret_file is None and kept.exists():
        return read_secret(kept)
    return settings.require_secret()
