"""Bring everything up on this machine, keep it up, and take it down in order."""

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from orchestrator.broker.account import open_account, url_as
from orchestrator.broker.connection import shared
from orchestrator.config import Settings, load_settings, read_secret
from orchestrator.contracts.seal import broker_password
from orchestrator.errors import ConfigError, Unauthenticated, Unreachable
from orchestrator.services.keys import check_key, ensure_admin_key
from orchestrator.services.ship import ship
from orchestrator.stack.detach import detached
from orchestrator.stack.home import held, make_home, secret_of
from orchestrator.stack.interrupts import Asked, Interrupts
from orchestrator.stack.parts import FLOWER_USER, Installation
from orchestrator.stack.ports import LOOPBACK, is_free
from orchestrator.stack.postgres import prepare_postgres
from orchestrator.stack.profile import Profile, read_profile, write_profile
from orchestrator.stack.ready import database_time, not_ready, problems_of
from orchestrator.stack.redis import broker_answers, prepare_redis
from orchestrator.stack.say import Say, say
from orchestrator.stack.sites import FUNCTIONS, SitePlan, check_names, write_site
from orchestrator.stack.supervise import Supervisor
from orchestrator.storage.database import make_engine
from orchestrator.storage.migrate import migrate

SERVER_SECONDS = 60.0
"""How long PostgreSQL may take to answer: it may have to recover first."""
READY_SECONDS = 90.0
"""How long all else may take."""

STOP_ORDER: Sequence[Callable[[str], bool]] = (
    lambda name: name == "api",
    lambda name: "." in name,
    lambda name: name == "hub",
    lambda name: name == "flower",
    lambda name: name == "redis",
    lambda name: name == "postgres",
)
"""New work first, then those who work, then what they need."""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What can be chosen; addresses of a database and a broker elsewhere come from the settings."""

    home: Path
    port: int = 8080
    flower_port: int | None = 5555
    """None: without Flower."""
    sites: tuple[str, ...] = ("london", "paris")
    roots: tuple[Path, ...] = ()
    """What the sites may touch beside the workspaces; none given: the current folder and the home's ``sites``."""
    actions: tuple[str, ...] = ()
    """Python modules of actions, found from the current folder."""
    concurrency: int = 2
    """Tasks at a time, at each site."""
    detach: bool = False
    """Return once it is ready."""


def run(options: UpOptions) -> int:
    """Run the stack until it is asked to stop (or, detached, return once it is ready); 0 when that went well.

    ConfigError for a choice that can not work, with the remedy; Unreachable when a part does not start.
    """
    settings = load_settings().with_home(options.home)
    check_names(options.sites)
    plan = _site_plan(options, settings)
    home = make_home(settings.home)

    def serve(say: Say, ready: Callable[[], None]) -> int:
        with held(home) as lock, Interrupts() as interrupts:
            _check_ports(options)
            supervisor = Supervisor(home, lock, interrupts, say)
            try:
                _start(supervisor, settings, options, plan, say)
                ready()
                supervisor.run()
            except Asked:
                pass
            finally:
                say("stopping")
                supervisor.stop(STOP_ORDER)
            say("stopped")
        return 0

    if options.detach:
        return detached(home / "logs" / "up.log", serve)
    return serve(say, lambda: None)


def _start(supervisor: Supervisor, settings: Settings, options: UpOptions, plan: SitePlan, say: Say) -> None:
    """Everything, in order, up to the word ``ready``."""
    _make_folder(settings.workspaces_root)
    installation = _start_servers(supervisor, settings, say)
    _migrate(installation.database_url)
    engine = make_engine(installation.database_url, pool_size=1)
    try:
        with engine.begin() as tx:
            ship(tx)
        since = database_time(engine)
        profile = _make_profile(engine, installation, options)
        supervisor.start(installation.hub())
        supervisor.start(installation.api(options.port, options.flower_port))
        pools: list[str] = []
        for site in options.sites:
            url = _site_url(installation, site, say)
            file = write_site(settings.home, site, plan, installation.secret, url)
            for function in FUNCTIONS:
                supervisor.start(installation.pool(site, file, function))
                pools.append(f"{site}.{function}")
        if options.flower_port is not None:
            supervisor.start(installation.flower(options.flower_port))
        say(f"hub, API{', Flower' if options.flower_port else ''} and sites are starting")
        silent = functools.partial(not_ready, engine, since, options.port, profile.flower_url, pools)
        supervisor.until_answered(silent, READY_SECONDS)
        for problem in problems_of(engine, since):
            say(f"not loaded at {problem}")
    finally:
        engine.dispose()
    write_profile(settings.home, profile)
    say(_welcome(settings.home, options))


def _start_servers(supervisor: Supervisor, settings: Settings, say: Say) -> Installation:
    """The database and the broker, unless they are elsewhere; then what all others are to know."""
    home, logs = settings.home, settings.home / "logs"
    database_url, redis_url = settings.database_url, settings.redis_url
    if database_url is None:
        postgres = prepare_postgres(home, logs / "postgres.log")
        supervisor.start(postgres.program())
        supervisor.until_answered(lambda: [] if postgres.answers() else ["postgres"], SERVER_SECONDS)
        database_url = postgres.url
        say(f"PostgreSQL keeps its data in {postgres.data}")
    if redis_url is None:
        redis = prepare_redis(home, logs / "redis.log")
        supervisor.start(redis.program())
        supervisor.until_answered(lambda: [] if redis.answers() else ["redis"], SERVER_SECONDS)
        redis_url = redis.url
        say(f"Redis keeps its data in {redis.folder}")
    elif not broker_answers(redis_url):
        raise Unreachable("the broker does not answer (ORCHESTRATOR_REDIS_URL)")
    if settings.secret is not None:
        secret, variable = settings.require_secret(), {"ORCHESTRATOR_SECRET": settings.secret.get_secret_value()}
    else:
        file = settings.secret_file or secret_of(home)
        secret, variable = read_secret(file), {"ORCHESTRATOR_SECRET_FILE": str(file)}
    return Installation(home, database_url, redis_url, secret, variable)


def _site_url(installation: Installation, site: str, say: Say) -> str:
    """The broker's address with the site's own user, or as it is where that can not be made."""
    password = broker_password(installation.secret, site)
    try:
        open_account(shared(installation.redis_url), site, password)
    except ConfigError as error:
        say(f"site {site} uses the broker as the hub does: {error}")
        return installation.redis_url
    return url_as(installation.redis_url, site, password)


def _migrate(database_url: str) -> None:
    try:
        migrate(database_url)
    except DBAPIError as error:
        raise Unreachable(f"the database can not be made ready (ORCHESTRATOR_DATABASE_URL): {error.orig}") from None


def _make_profile(engine: Engine, installation: Installation, options: UpOptions) -> Profile:
    """The profile, with the key of the last one as long as that is good."""
    key: str | None = None
    with suppress(FileNotFoundError, ConfigError, Unauthenticated):
        known = read_profile(installation.home).key
        check_key(engine, known)
        key = known
    access = f"{FLOWER_USER}:{installation.flower_password}"
    return Profile(
        url=f"http://{LOOPBACK}:{options.port}",
        key=key or ensure_admin_key(engine),
        flower_url=None if options.flower_port is None else f"http://{access}@{LOOPBACK}:{options.flower_port}",
        database_url=installation.database_url,
        redis_url=installation.redis_url,
    )


def _make_folder(workspaces: Path) -> None:
    try:
        workspaces.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{workspaces} can not be made: {error.strerror} (ORCHESTRATOR_WORKSPACES)") from error


def _site_plan(options: UpOptions, settings: Settings) -> SitePlan:
    """What the sites are given; ConfigError for a root that is no folder."""
    here = Path.cwd()
    for root in options.roots:
        if not root.is_dir():
            raise ConfigError(f"--root {root}: there is no such folder")
    roots = [root.absolute() for root in options.roots] or [here, settings.home / "sites"]
    if not any(settings.workspaces_root.is_relative_to(root) for root in roots):
        roots.append(settings.workspaces_root)
    # A file is named from here; a module is found from here by the sites' python_path.
    actions = [str(here / name) if "/" in name or name.endswith(".py") else name for name in options.actions]
    return SitePlan(roots, actions, here, options.concurrency)


def _check_ports(options: UpOptions) -> None:
    if not is_free(options.port):
        raise ConfigError(f"port {options.port} is taken: choose another for the API with --port")
    if options.flower_port is not None and not is_free(options.flower_port):
        raise ConfigError(f"port {options.flower_port} is taken: choose another with --flower-port, or --no-flower")


def _welcome(home: Path, options: UpOptions) -> str:
    lines = [f"ready  API     http://{LOOPBACK}:{options.port}"]
    if options.flower_port is not None:
        lines.append(f"       Flower  http://{LOOPBACK}:{options.flower_port}  (user and password: see profile.json)")
    lines += [f"       Sites   {', '.join(options.sites)}", f"       Home    {home}  (profile.json, logs/)"]
    return "\n".join(lines)
