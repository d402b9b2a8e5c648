from pathlib import Path

import pytest

from orchestrator.config import Settings, load_settings
from orchestrator.errors import ConfigError

SECRET = "a secret that is long enough to sign with"


def test_without_variables_everything_is_absent_that_has_no_default() -> None:
    settings = load_settings()
    assert settings.home.is_absolute()
    assert settings.parcel_tasks == 256
    assert (settings.attachment_mib, settings.edits_mib, settings.webhooks_private) == (100, 1024, False)
    given = {"home", "parcel_tasks", "attachment_mib", "edits_mib", "webhooks_private"}
    assert settings.model_dump(exclude=given) == dict.fromkeys(set(Settings.model_fields) - given)


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "")
    assert load_settings().database_url is None


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("DATABASE_URL", "mysql://u:hidden@host/db", "begins with postgresql://"),
        ("REDIS_URL", "amqp://u:hidden@host", "begins with redis:// or rediss://"),
        ("PARCEL_TASKS", "0", "greater than or equal to 1"),
        ("URL", "example.org:hidden", "begins with http:// or https://"),
        ("RETENTION_SUCCESS_DAYS", "hidden", "a valid number"),
        ("RETENTION_AUDIT_DAYS", "-0.5", "greater than or equal to 0"),
    ],
)
def test_what_can_not_work_is_named_without_its_value(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ORCHESTRATOR_{variable}", value)
    with pytest.raises(ConfigError, match=f"ORCHESTRATOR_{variable}: .*{told}") as caught:
        load_settings()
    assert "hidden" not in str(caught.value)


def test_what_is_missing_is_named_with_the_remedy() -> None:
    settings = load_settings()
    with pytest.raises(ConfigError, match=r"ORCHESTRATOR_DATABASE_URL is not set.*orchestrator up"):
        settings.require_database_url()
    with pytest.raises(ConfigError, match=r"ORCHESTRATOR_REDIS_URL is not set.*orchestrator up"):
        settings.require_redis_url()
    with pytest.raises(ConfigError, match=r"ORCHESTRATOR_SECRET_FILE is set: .*openssl"):
        settings.require_secret()


def test_the_secret_is_the_same_from_the_variable_and_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("ORCHESTRATOR_SECRET_FILE", str(tmp_path / "secret"))
    from_file = load_settings().require_secret()
    monkeypatch.setenv("ORCHESTRATOR_SECRET", SECRET)
    assert load_settings().require_secret() == from_file == SECRET.encode()


def test_a_short_secret_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SECRET", "short one")
    with pytest.raises(ConfigError, match="ORCHESTRATOR_SECRET has 9 characters") as caught:
        load_settings().require_secret()
    assert "short one" not in str(caught.value)


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_SECRET_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"none \(ORCHESTRATOR_SECRET_FILE\): .*No such file"):
        load_settings().require_secret()


def test_nothing_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_DATABASE_URL", "postgresql://u:hidden@host/db")
    monkeypatch.setenv("ORCHESTRATOR_REDIS_URL", "redis://:hidden@host/0")
    monkeypatch.setenv("ORCHESTRATOR_SECRET", "hidden")
    monkeypatch.setenv("ORCHESTRATOR_KEY", "hidden")
    assert "hidden" not in repr(load_settings())
