"""The package that `orchestrator plugin new` writes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator.cli.main import make_app
from orchestrator.cli.template import files_of
from workers.registry import REGISTRY


def new(*arguments: str) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(make_app(), ["plugin", "new", *arguments])
    return done.exit_code, done.output


@pytest.mark.timeout(120)
def test_a_new_plugin_passes_its_own_test(tmp_path: Path) -> None:
    code, said = new("my-tiles", "--in", str(tmp_path))
    assert code == 0, said
    place = tmp_path / "my-tiles"
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=place, env=own, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert (
        '[project.entry-points."orchestrator.actions"]\nmy_tiles = "my_tiles.actions"'
        in (place / "pyproject.toml").read_text()
    )


def test_the_page_about_plugins_shows_what_is_written_and_what_works() -> None:
    page = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert blocks[0] in files_of("lines")["src/lines/actions.py"]
    names: dict[str, Any] = {}
    exec(blocks[-1], names)  # noqa: S102 - it is our own
    numbers = names["numbers"]
    assert [found.path for found in numbers(None, None, None, up_to=3)] == [b"1", b"2", b"3"]
    assert [found.path for found in numbers(None, None, b"2", up_to=3)] == [b"3"]
    REGISTRY.discoveries.pop("lines.numbers")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "mine.py").write_text("mine")
    code, said = new("tiles", "--in", str(tmp_path))
    assert (code, "is there already; nothing was written" in said) == (1, True)
    assert [file.name for file in (tmp_path / "tiles").iterdir()] == ["mine.py"]


@pytest.mark.parametrize("name", ["Tiles", "../tiles", "class", "json", "orchestrator", "a b", "1st", "-x", "t" * 61])
def test_what_can_be_no_package_is_refused(tmp_path: Path, name: str) -> None:
    code, said = new("--in", str(tmp_path), "--", name)
    assert code == 2, said
    assert list(tmp_path.iterdir()) == []


def test_the_folder_has_to_be_there(tmp_path: Path) -> None:
    code, said = new("tiles", "--in", str(tmp_path / "nowhere"))
    assert (code, "there is no such folder" in said) == (2, True)
