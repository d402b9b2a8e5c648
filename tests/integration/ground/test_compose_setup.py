"""``docker/setup.sh``, run as the compose file's one-shot service runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, make_url

from orchestrator.contracts.seal import site_key
from orchestrator.domain.roles import Role
from orchestrator.services.keys import check_key

ROOT = Path(__file__).parents[3]
SECRET = "0123456789abcdef" * 4


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The folders that the volumes are mounted on."""
    for name in ("admin", "london", "paris"):
        (tmp_path / name).mkdir()
    return tmp_path


def set_up(engine: Engine, redis_url: str, keys: Path) -> None:
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(keys),
        "KEYS": str(keys),
        "ORCHESTRATOR_DATABASE_URL": url,
        "ORCHESTRATOR_REDIS_URL": redis_url,
        "ORCHESTRATOR_SECRET": SECRET,
    }
    subprocess.run(["sh", ROOT / "docker/setup.sh", "london", "paris"], env=environment, check=True)


@pytest.mark.timeout(180)  # it starts the program six times
def test_it_leaves_keys_that_work_and_does_no_harm_when_repeated(engine: Engine, redis_url: str, keys: Path) -> None:
    set_up(engine, redis_url, keys)
    for site in ("london", "paris"):
        assert (keys / site / "site.key").read_text().strip() == site_key(SECRET.encode(), site).hex()
        with Redis.from_url((keys / site / "redis.url").read_text().strip()) as own:
            assert own.acl_whoami() == f"site-{site}"
    key = (keys / "admin/api.key").read_text().strip()
    assert check_key(engine, key).roles == {Role.ADMIN}
    assert all(file.stat().st_mode & 0o077 == 0 for file in keys.glob("*/*.key"))
    set_up(engine, redis_url, keys)
    assert (keys / "admin/api.key").read_text().strip() == key
