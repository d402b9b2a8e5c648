"""The package that `orchestrator plugin new` writes: what a plugin needs, and one action to begin with."""

from collections.abc import Mapping

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "@name@"
version = "0.1.0"
description = "Actions for the sites of an orchestrator."
readme = "README.md"
requires-python = ">=3.11"
# What the actions need beside orchestrator itself. That is in the environment of every site's workers; named here, an
# installer might look for it on an index, where the name may be somebody else's.
dependencies = []

# The workers import the modules that are named here, and so learn of their actions and discoveries.
[project.entry-points."orchestrator.actions"]
@package@ = "@package@.actions"

[dependency-groups]
dev = ["pytest>=8"]

[tool.hatch.build.targets.wheel]
packages = ["src/@package@"]

[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
"""

ACTIONS = '''\
"""What this plugin can do at a site."""

import os

from workers import Context, Path, action


@action("@package@.count_lines", timeout="10m", version="0.1.0")
def count_lines(ctx: Context, paths: list[Path], *, at_most: int = 1_000_000) -> None:
    """Count the lines of text files, and note them."""
    for path in ctx.each(paths):  # stops between two paths when the job is cancelled
        with ctx.outcome(path):  # what goes wrong in here fails this path, and no other
            # Through ctx.roots nothing outside the site's folders is read, whatever a link or a name says.
            with os.fdopen(ctx.roots.open(path.raw), "rb") as file:
                lines = sum(1 for _ in file)
            if lines > at_most:
                raise ValueError(f"it has {lines} lines, at most {at_most} are allowed")
            path.note(lines=lines)  # travels down the chain with the path
            ctx.log.info("%d lines", lines)  # orchestrator logs JOB
'''

TEST = '''\
"""The action over real files, by the same runner as at a site; no services are needed."""

from pathlib import Path

from workers.testing import run_action

from @package@.actions import count_lines


def test_lines_are_counted(tmp_path: Path) -> None:
    good, long, gone = tmp_path / "good.txt", tmp_path / "long.txt", tmp_path / "gone.txt"
    good.write_text("one\\ntwo\\n")
    long.write_text("a line\\n" * 11)
    result = run_action(count_lines, [good, long, gone], params={"at_most": 10}, roots=[tmp_path])
    assert list(result.outcomes.values()) == ["processed", "failed", "failed"]
    assert result.messages[str(long)] == "it has 11 lines, at most 10 are allowed"
    assert result.notes == {str(good): {"lines": 2}}
    assert result.state == "Error"  # some paths failed; the good ones go on to the next step


def test_a_parameter_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    result = run_action(count_lines, [tmp_path / "good.txt"], params={"at_most": "many"}, roots=[tmp_path])
    assert result.error is not None
    assert "at_most" in result.error.message
'''

README = """\
# @name@

Actions for the sites of an orchestrator. `src/@package@/actions.py` has one to begin with, `@package@.count_lines`.

Test it, in an environment that has orchestrator and pytest:

    python -m pytest

Try it out on this machine, without installing it:

    orchestrator up --actions src/@package@/actions.py

Install it at a site: into the environment of its workers, on each of its hosts, and let them take it up. What runs is
not disturbed.

    python -m pip install .
    orchestrator site restart london --rolling
    orchestrator site show london

Use it in a workflow (`orchestrator workflow apply lines.yaml`), and run it:

    name: lines
    discovery: recursive
    filter_rules:
      - {type: file, include: ["*.txt"], action: [{name: @package@.count_lines, at_most: 5000}]}

    orchestrator submit lines /data --site london --watch
"""

FILES: Mapping[str, str] = {
    "pyproject.toml": PYPROJECT,
    "README.md": README,
    "src/@package@/__init__.py": '"""Actions for the sites of an orchestrator."""\n',
    "src/@package@/actions.py": ACTIONS,
    "tests/test_actions.py": TEST,
}


def files_of(name: str) -> dict[str, str]:
    """The files of a plugin of this name, by their place in its folder."""
    package = package_of(name)
    return {_filled(file, name, package): _filled(text, name, package) for file, text in FILES.items()}


def package_of(name: str) -> str:
    """The Python package of a plugin."""
    return name.replace("-", "_")


def _filled(text: str, name: str, package: str) -> str:
    return text.replace("@name@", name).replace("@package@", package)
