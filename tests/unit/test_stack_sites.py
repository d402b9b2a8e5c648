from pathlib import Path

import pytest

from orchestrator.contracts.seal import site_key
from orchestrator.errors import ConfigError
from orchestrator.stack.home import make_home
from orchestrator.stack.sites import SitePlan, check_names, write_site
from workers.site import load_site


def _plan(*roots: Path, actions: tuple[str, ...] = ()) -> SitePlan:
    return SitePlan(roots, actions, Path("/here"), 3)


def test_what_is_written_is_what_the_workers_read(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    roots = [tmp_path / name for name in ("plain", 'with "quotes" and \\', "line\nbreak \x7f tab\t", "ünï 🗺️")]
    file = write_site(home, "london", _plan(*roots, actions=("mine",)), b"secret", "redis://:pass@127.0.0.1:1/0")
    site = load_site(file, {})
    assert (site.name, [root.path for root in site.roots]) == ("london", roots)
    assert site.key_bytes == site_key(b"secret", "london")
    assert site.redis_url.get_secret_value() == "redis://:pass@127.0.0.1:1/0"
    assert (site.actions, site.python_path) == (["mine"], [Path("/here")])
    assert site.queues == {"default": {"worker": 3, "discovery": 2}}
    assert all(written.stat().st_mode & 0o077 == 0 for written in file.parent.iterdir())


def test_without_actions_of_ones_own_the_current_folder_is_no_source_of_code(tmp_path: Path) -> None:
    file = write_site(make_home(tmp_path / "home"), "london", _plan(tmp_path), b"secret", "redis://127.0.0.1:1/0")
    assert load_site(file, {}).python_path == []


def test_a_key_is_not_below_what_the_sites_may_touch(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    file = write_site(home, "london", _plan(home / "sites"), b"secret", "redis://127.0.0.1:1/0")
    assert not file.is_relative_to(home / "sites")


def test_a_root_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not UTF-8"):
        write_site(make_home(tmp_path / "home"), "london", _plan(Path("/\udcff")), b"secret", "redis://127.0.0.1:1/0")


@pytest.mark.parametrize("name", ["", "Oslo", "a b", "-x", "x" * 64, "../up", "a.b"])
def test_a_name_that_can_not_be_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--site"):
        check_names([name])
