"""What a check found, and the installation that it looked at."""

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.config import Settings
from orchestrator.stack.profile import Profile


class Level(StrEnum):
    """How bad it is; only ``wrong`` makes the doctor's exit code 1."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"
    ELSEWHERE = "elsewhere"
    """It can not be looked at from here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: how it is, and how to mend it."""

    level: Level
    subject: str
    said: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to be checked: the settings, and the home's profile when there is one."""

    settings: Settings
    profile: Profile | None

    @property
    def database_url(self) -> str | None:
        """Where the database is, as the variable or the profile says."""
        return self.settings.database_url or (self.profile.database_url if self.profile else None)

    @property
    def redis_url(self) -> str | None:
        """Where the broker is."""
        return self.settings.redis_url or (self.profile.redis_url if self.profile else None)


def ok(subject: str, said: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, said)


def elsewhere(subject: str, said: str) -> Finding:
    """Something else looks after it."""
    return Finding(Level.ELSEWHERE, subject, said)


def warning(subject: str, said: str, remedy: str) -> Finding:
    """It works, and may not for long."""
    return Finding(Level.WARNING, subject, said, remedy)


def wrong(subject: str, said: str, remedy: str) -> Finding:
    """It does not work so."""
    return Finding(Level.WRONG, subject, said, remedy)
