import os
import subprocess
import sys
from pathlib import Path as File

import pytest

from orchestrator.errors import ConfigError
from workers import Context, Path, registry
from workers.registry import Registry, action, make_action


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of the test's own, where the decorators put what they decorate."""
    fresh = Registry()
    monkeypatch.setattr(registry, "REGISTRY", fresh)
    return fresh


PLUGIN = '''
from workers.registry import action, discovery
@action("{name}", timeout="1h30m", version="2.1")
def f(ctx, paths, *, zoom: int = 3):
    """Make tiles.

    More of it.
    """
@discovery("{name}.find")
def g(ctx, start, cursor): yield
'''


def plugin(folder: File, name: str, more: str = "") -> str:
    file = folder / f"{name}.py"
    file.write_text(PLUGIN.replace("{name}", name) + more)
    return str(file)


def test_a_module_registers_what_it_defines(fresh: Registry, tmp_path: File) -> None:
    fresh.load([plugin(tmp_path, "tile")], groups=())
    action = fresh.actions["tile"]
    assert (action.timeout, action.version, action.description) == (5400.0, "2.1", "Make tiles.")
    assert fresh.discoveries.keys() == {"tile.find"}
    assert fresh.problems == []


def test_loaded_twice_is_the_same(fresh: Registry, tmp_path: File) -> None:
    name = plugin(tmp_path, "again")
    fresh.load([name, name], groups=())
    assert fresh.actions.keys() == {"again"}
    assert fresh.problems == []


@pytest.mark.parametrize("more", ["1/0", "import nowhere_at_all", "raise SystemExit(3)", "def ("])
def test_a_broken_plugin_is_noted_and_the_others_go_on(fresh: Registry, tmp_path: File, more: str) -> None:
    fresh.load([plugin(tmp_path, "bad", more), plugin(tmp_path, "good"), "no_such_module"], groups=())
    assert fresh.actions.keys() == {"good"}
    assert fresh.discoveries.keys() == {"good.find"}
    assert len(fresh.problems) == 2
    assert "bad.py" in fresh.problems[0]
    assert "no_such_module" in fresh.problems[1]


def test_a_name_can_be_taken_once(fresh: Registry, tmp_path: File) -> None:
    (tmp_path / "other").mkdir()
    fresh.load([plugin(tmp_path, "same"), plugin(tmp_path / "other", "same")], groups=())
    (problem,) = fresh.problems
    assert problem.splitlines()[0].count("same.py") == 3
    assert "defined twice" in problem
    assert fresh.actions["same"].origin.startswith(str(tmp_path / "same.py"))


def test_installed_plugins_are_found(fresh: Registry) -> None:
    fresh.load()
    assert fresh.problems == []


def test_functions_that_can_not_be_actions() -> None:
    def generator(ctx: Context, paths: list[Path]):  # type: ignore[no-untyped-def]
        yield

    def plain(ctx: Context, paths: list[Path]) -> None: ...

    with pytest.raises(ConfigError, match="generator"):
        make_action(generator, "x")
    with pytest.raises(ConfigError, match="timeout 'soon'"):
        make_action(plain, "x", timeout="soon")
    for name in ("", "two words", "n" * 101, "new\nline"):
        with pytest.raises(ConfigError):
            registry.action(name)(plain)


def test_what_an_action_changes_has_to_be_a_parameter(fresh: Registry) -> None:
    def tile(ctx: Context, paths: list[Path], *, into: str) -> None:
        """Make tiles."""

    assert action("test.changes", changes=["into"])(tile) is tile
    assert fresh.actions["test.changes"].changes == ("into",)
    with pytest.raises(ConfigError, match="'onto', which is no parameter"):
        action("test.changes.wrong", changes=["onto"])(tile)


def installed(folder: File, distribution: str, package: str, code: str, entry: str = "") -> None:
    """What `pip install --target folder` leaves of a package with an entry point."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text("")
    (folder / package / "actions.py").write_text(code)
    about = folder / f"{package}-1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
    (about / "entry_points.txt").write_text(f"[orchestrator.actions]\n{entry or package} = {package}.actions\n")


def test_a_problem_says_which_plugin_and_where(
    fresh: Registry, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "def deep():\n    return {}['missing']\ndeep()\n"
    installed(tmp_path, "broken-plugin", "broken_plugin_a", code)
    installed(tmp_path, "good-plugin", "good_plugin_a", PLUGIN.replace("{name}", "good_plugin.tile"))
    monkeypatch.syspath_prepend(tmp_path)
    fresh.load()
    assert "good_plugin.tile" in fresh.actions
    assert "good_plugin.tile.find" in fresh.discoveries, "one entry point is enough for both"
    (problem,) = fresh.problems
    first, *trace = problem.splitlines()
    assert first == ("plugin broken_plugin_a (broken_plugin_a.actions, of broken-plugin 1.5): KeyError: 'missing'")
    assert trace[0] == "Traceback (most recent call last):"
    assert f'{tmp_path}/broken_plugin_a/actions.py", line 3, in <module>' in trace[1]
    assert f'{tmp_path}/broken_plugin_a/actions.py", line 2, in deep' in problem
    assert "importlib" not in problem
    assert "registry.py" not in problem
    assert trace[-1] == "KeyError: 'missing'"


def test_two_plugins_with_one_name_of_an_action(
    fresh: Registry, tmp_path: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(tmp_path, "tiles-a", "tiles_a", PLUGIN.replace("{name}", "tiles.cut"))
    installed(tmp_path, "tiles-b", "tiles_b", PLUGIN.replace("{name}", "tiles.cut"))
    monkeypatch.syspath_prepend(tmp_path)
    fresh.load()
    (problem,) = fresh.problems
    said = problem.splitlines()[0]
    assert said.startswith(
        "plugin tiles_b (tiles_b.actions, of tiles-b 1.5): ConfigError: 'tiles.cut' is defined twice"
    )
    assert f"in {tmp_path}/tiles_a/actions.py:3 and in {tmp_path}/tiles_b/actions.py:3" in said
    assert fresh.actions["tiles.cut"].origin == f"{tmp_path}/tiles_a/actions.py:3"


def test_no_plugin_takes_a_name_of_ours(tmp_path: File) -> None:
    """In a process of its own, since here the built-in ones are registered already."""
    installed(tmp_path, "aaa", "aaa_plugin", PLUGIN.replace("{name}", "noop"))
    code = (
        "from workers.registry import REGISTRY; REGISTRY.load(); "
        "print(REGISTRY.actions['noop'].origin); print(REGISTRY.problems[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{File.cwd()}"},
        capture_output=True,
        text=True,
        check=True,
    )
    origin, problem, *_ = done.stdout.splitlines()
    assert "workers/actions/noop.py" in origin
    assert problem.startswith(
        "plugin aaa_plugin (aaa_plugin.actions, of aaa 1.5): ConfigError: 'noop' is defined twice"
    )
