"""``docker-compose.yml`` starts what there is, with the commands that there are, and guards its secrets."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from orchestrator.cli.main import make_app
from workers.site import load_site

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def assert_is_a_command(words: list[str]) -> None:
    """These words are a command of our program, with options that it has."""
    answer = CliRunner().invoke(make_app(words), [*words, "--help"])
    assert answer.exit_code == 0, answer.output


def test_every_part_is_there() -> None:
    assert {"postgres", "valkey", "setup", "hub", "api", "london", "paris", "flower"} <= SERVICES.keys()


@pytest.mark.parametrize("service", ["hub", "api", "flower"])
def test_modules_exist(service: str) -> None:
    python, option, module, *_ = SERVICES[service]["command"]
    assert [python, option] == ["python", "-m"]
    assert importlib.util.find_spec(module) is not None


@pytest.mark.parametrize("site", ["london", "paris"])
def test_a_site_is_started_by_a_command_of_ours_from_a_file_that_loads(site: str, tmp_path: Path) -> None:
    program, *words = SERVICES[site]["command"]
    assert program == "orchestrator"
    assert_is_a_command(words)
    (tmp_path / "site.key").write_text("ab" * 32)
    (tmp_path / "redis.url").write_text(f"redis://site-{site}:word@valkey:6379/0")
    (tmp_path / "site.toml").write_text(COMPOSE["configs"][site]["content"].replace(f"/keys/{site}", str(tmp_path)))
    loaded = load_site(tmp_path / "site.toml", {})
    assert loaded.name == site
    assert f"{site}-key:/keys/{site}:ro" in SERVICES[site]["volumes"]


def test_hub_api_and_sites_see_the_workspaces_at_one_path() -> None:
    for name in ("hub", "api"):
        assert SERVICES[name]["environment"]["ORCHESTRATOR_WORKSPACES"] == "/workspaces"
    for name in ("hub", "api", "london", "paris"):
        assert "workspaces:/workspaces" in SERVICES[name]["volumes"]
    for site in ("london", "paris"):
        assert 'path = "/workspaces"' in COMPOSE["configs"][site]["content"]
    assert " /workspaces " in (ROOT / "Dockerfile").read_text()


def test_the_api_takes_its_arguments() -> None:
    _, _, module, *arguments = SERVICES["api"]["command"]
    options = [word for word in arguments if word.startswith("--")]
    asked = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True)
    assert all(option in asked.stdout for option in options)


def test_set_up_calls_commands_that_there_are() -> None:
    script = (ROOT / "docker/setup.sh").read_text()
    called = re.findall(r"^\s*orchestrator (\w+) (\w+)", script, re.MULTILINE)
    assert called == [("db", "migrate"), ("site", "new")]
    for words in called:
        assert_is_a_command(list(words))
    assert subprocess.run(["sh", "-n", ROOT / "docker/setup.sh"], check=False).returncode == 0


def test_the_broker_keeps_its_users(tmp_path: Path) -> None:
    shell, option, script = SERVICES["valkey"]["command"]
    serve = script.replace("$$", "$").replace("exec docker-entrypoint.sh", "echo")
    users = tmp_path / "users.acl"
    for password in ("first", "second"):
        environment = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": password}
        told = subprocess.run([shell, option, serve], cwd=tmp_path, env=environment, check=True, capture_output=True)
        assert told.stdout.startswith(b"valkey-server --aclfile /data/users.acl --dir /data --appendonly yes")
        with users.open("a") as more:
            more.write("user site-london on\n" if password == "first" else "")
    assert users.read_text() == "user default on >second ~* &* +@all\nuser site-london on\n"
    assert users.stat().st_mode & 0o077 == 0


def test_no_secret_has_a_default() -> None:
    named = re.findall(r"(?<!\$)\$\{(\w+)(.*?)\}", TEXT)
    assert {name for name, _ in named} == {
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "ORCHESTRATOR_SECRET",
        "FLOWER_PASSWORD",
    }
    assert all(rest.startswith(":?") for _, rest in named)


def test_only_loopback_ports_of_the_host_are_published() -> None:
    published = [port for one in SERVICES.values() for port in one.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_is_named_is_declared() -> None:
    for name, one in SERVICES.items():
        for volume in one.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"], name
        for config in one.get("configs", []):
            assert config["source"] in COMPOSE["configs"], name
        assert set(one.get("depends_on", {})) <= SERVICES.keys(), name
    assert os.access(ROOT / COMPOSE["configs"]["setup"]["file"], os.R_OK)


def test_the_image_has_the_folders_that_volumes_are_mounted_on() -> None:
    made = (ROOT / "Dockerfile").read_text()
    for name, one in SERVICES.items():
        if "build" in one:
            for volume in one.get("volumes", []):
                assert volume.split(":")[1] in made, name
