"""Settings, read once at the edge and passed inward as plain values.

Every one is a variable ``ORCHESTRATOR_<NAME>``; an empty variable counts as absent.
"""

import os
from pathlib import Path
from typing import Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.domain.pace import MOST
from orchestrator.domain.retention import Periods
from orchestrator.errors import ConfigError

SECRET_CHARACTERS = 32
"""The least length of the installation's secret: what is signed is only as safe as this is long."""


def default_home() -> Path:
    """Where state is kept when nothing is said: ``/var/lib/orchestrator`` for root, else the user's data folder."""
    return Path("/var/lib/orchestrator") if os.geteuid() == 0 else platformdirs.user_data_path("orchestrator")


class Settings(BaseSettings):
    """What the environment says; the ``require_...`` methods refuse what is missing, with the remedy."""

    model_config = SettingsConfigDict(
        env_prefix="ORCHESTRATOR_", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(default_factory=default_home)
    """The folder with the profile, the logs and the embedded servers' data."""
    database_url: str | None = Field(default=None, repr=False)
    """``postgresql://user:password@host:port/name``; absent: the embedded one."""
    redis_url: str | None = Field(default=None, repr=False)
    """``redis://[:password@]host:port/0``, ``rediss://`` with TLS; absent: the embedded one."""
    secret: SecretStr | None = None
    """What the keys of the sites are derived from: any text of 32 characters or more."""
    secret_file: Path | None = None
    """A file with that text; white space around it does not count."""
    parcel_tasks: int = Field(default=MOST, ge=1, le=MOST)
    """So many short tasks travel in one message at most; 1: each alone."""
    url: str | None = None
    """Where the API answers, for the command line."""
    key: SecretStr | None = None
    """The API key, for the command line."""
    retention_success_days: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """So long after their end jobs are kept that ended `Success`; absent: for ever. The same for what follows."""
    retention_failure_days: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    retention_cancelled_days: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    retention_reports_days: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What the hub could not use, and workers that are gone."""
    retention_audit_days: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """The audit, and released holds that were of no job."""

    webhooks_private: bool = False
    """Webhooks may be at private addresses (of this machine, of the network it is in), and without TLS."""

    flower_url: str | None = None
    """Where Flower is, for people: shown with each site, without a name or a password."""

    attachment_mib: int = Field(default=100, ge=1, le=1024 * 1024)
    """The largest file that can be attached to a job."""
    workspaces: Path | None = None
    """The folder of the edit jobs' data, which the sites see at the same path; absent: ``workspaces`` in the home."""
    edits_mib: int = Field(default=1024, ge=1, le=1024 * 1024)
    """The largest file of edits that can be sent."""

    @field_validator("home", "secret_file", "workspaces")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: str | None) -> str | None:
        return _with_scheme(url, "postgresql", "postgres")

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: str | None) -> str | None:
        return _with_scheme(url, "redis", "rediss")

    @field_validator("url", "flower_url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        return _with_scheme(url, "http", "https")

    @property
    def workspaces_root(self) -> Path:
        """The folder of the edit jobs' data."""
        return self.workspaces or self.home / "workspaces"

    @property
    def retention(self) -> Periods:
        """How long the record is kept."""
        return Periods(
            self.retention_success_days,
            self.retention_failure_days,
            self.retention_cancelled_days,
            self.retention_reports_days,
            self.retention_audit_days,
        )

    def require_database_url(self) -> str:
        """Where PostgreSQL is; ConfigError when nothing says so."""
        if self.database_url is None:
            raise ConfigError(
                "ORCHESTRATOR_DATABASE_URL is not set: give postgresql://user:password@host:port/name, "
                "or run `orchestrator up`, which brings its own"
            )
        return self.database_url

    def require_redis_url(self) -> str:
        """Where Redis is; ConfigError when nothing says so."""
        if self.redis_url is None:
            raise ConfigError(
                "ORCHESTRATOR_REDIS_URL is not set: give redis://:password@host:port/0, "
                "or run `orchestrator up`, which brings its own"
            )
        return self.redis_url

    def require_secret(self) -> bytes:
        """The installation's secret, from the variable or else the file; ConfigError when there is none fit for use."""
        if self.secret is not None:
            return _checked("ORCHESTRATOR_SECRET", self.secret.get_secret_value())
        if self.secret_file is not None:
            return read_secret(self.secret_file)
        raise ConfigError(
            "neither ORCHESTRATOR_SECRET nor ORCHESTRATOR_SECRET_FILE is set: "
            "make one with `openssl rand -hex 32`; the hub and the API need the same"
        )

    def with_home(self, home: Path | None) -> Self:
        """The same with another home, when one is given."""
        return self if home is None else self.model_copy(update={"home": home.expanduser().absolute()})


def load_settings() -> Settings:
    """What the environment says; ConfigError names the variable that can not work."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"ORCHESTRATOR_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
        raise ConfigError("; ".join(faults)) from None


def read_secret(file: Path) -> bytes:
    """The secret kept in this file; ConfigError when it can not be read or is too short."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the secret can not be read from {file} (ORCHESTRATOR_SECRET_FILE): {error}") from error
    return _checked(f"{file} (ORCHESTRATOR_SECRET_FILE)", text)


def _checked(source: str, text: str) -> bytes:
    secret = text.strip()
    if len(secret) < SECRET_CHARACTERS:
        raise ConfigError(
            f"{source} has {len(secret)} characters, and {SECRET_CHARACTERS} are needed: use `openssl rand -hex 32`"
        )
    return secret.encode()


def _with_scheme(url: str | None, *schemes: str) -> str | None:
    if url is not None and url.partition("://")[0] not in schemes:
        raise ValueError(f"begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url
