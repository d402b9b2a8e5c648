"""The profile of an installation: with it the other commands on this machine just work."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.errors import ConfigError
from orchestrator.stack.private import write_private


class Profile(BaseModel):
    """Where everything is, with the credentials: ``<home>/profile.json``, readable by its owner only."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: str
    """The API's."""
    key: str
    """An admin's API key."""
    flower_url: str | None
    """With name and password; None without Flower."""
    database_url: str
    redis_url: str


def read_profile(home: Path) -> Profile:
    """The home's profile; FileNotFoundError when there is none, ConfigError when it is not one."""
    file = home / "profile.json"
    try:
        return Profile.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{file} is not a profile; `orchestrator up` writes it anew: {error}") from None


def write_profile(home: Path, profile: Profile) -> None:
    """Put it in the home."""
    write_private(home / "profile.json", profile.model_dump_json(indent=2) + "\n")
