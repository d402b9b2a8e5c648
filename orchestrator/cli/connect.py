"""Find the service that is meant: as given, else as the environment says, else the one of the home's profile."""

from pathlib import Path

from orchestrator.client import DocumentClient
from orchestrator.config import load_settings
from orchestrator.errors import Unreachable
from orchestrator.stack.profile import Profile, read_profile

NO_SERVICE = (
    "no service is running here: start one with `orchestrator up`, or set ORCHESTRATOR_URL and ORCHESTRATOR_KEY"
)


NO_KEY = "there is no key for {}: give one with --key or ORCHESTRATOR_KEY"


def find_client(*, url: str | None = None, key: str | None = None, home: Path | None = None) -> DocumentClient:
    """A client of it; Unreachable, with the remedy, when nothing says where one is."""
    settings = load_settings().with_home(home)
    url = url or settings.url
    key = key or (settings.key.get_secret_value() if settings.key else None)
    if url is None or key is None:
        profile = find_profile(settings.home)
        if profile is None:
            raise Unreachable(NO_SERVICE if url is None else NO_KEY.format(url))
        url, key = url or profile.url, key or profile.key
    return DocumentClient(url, key)


def find_profile(home: Path) -> Profile | None:
    """The home's profile, None when no service was ever started in it; ConfigError when it can not be read."""
    return read_profile(home) if (home / "profile.json").exists() else None
