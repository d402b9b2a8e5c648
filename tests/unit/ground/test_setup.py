"""``.ci/setup`` chooses a Python that fits, and says clearly when there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ("sh", "dirname", "cat", "cksum", "rm")
"""All that a refusal needs besides the shell: PATH has nothing else."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that set-up reads, in a folder whose name has a space, and a PATH of its own beside it."""
    folder = tmp_path / "a clone"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci/setup", folder / ".ci/setup")
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    path = folder / "bin"
    path.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (path / tool).symlink_to(found)
    return folder


def program(file: Path, script: str) -> None:
    file.write_text(f"#!{shutil.which('sh')}\n{script}\n")
    file.chmod(0o755)


def set_up(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(clone / "bin"), "HOME": str(clone), **variables}
    return subprocess.run([clone / ".ci/setup"], env=environment, capture_output=True, text=True, check=False)


def test_without_any_python_it_says_what_to_install(clone: Path) -> None:
    done = set_up(clone)
    assert done.returncode == 1
    assert "no Python from 3.11 to 3.13 on PATH" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_is_too_old_is_named(clone: Path) -> None:
    program(clone / "bin/python3", '[ "$1" = --version ] && echo Python 3.9.2 || exit 1')
    done = set_up(clone)
    assert done.returncode == 1
    assert "python3 is: Python 3.9.2" in done.stderr


def test_a_chosen_python_that_does_not_fit_is_refused(clone: Path) -> None:
    done = set_up(clone, PYTHON="/no/such/python")
    assert done.returncode == 1
    assert "PYTHON=/no/such/python is not a Python from 3.11 to 3.13" in done.stderr


def test_a_python_without_venv_is_explained(clone: Path) -> None:
    program(clone / "bin/python3.12", 'case "$*" in "-m venv"*) echo no ensurepip here; exit 1 ;; esac')
    done = set_up(clone)
    assert done.returncode == 1
    assert "no ensurepip here" in done.stderr
    assert "apt install python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_broken_3_12_is_passed_over(clone: Path) -> None:
    program(clone / "bin/python3.12", "exit 127")
    program(clone / "bin/python3.11", 'case "$*" in "-m venv"*) exit 1 ;; esac')
    assert "making .venv with python3.11 and pip" in set_up(clone).stderr


def test_what_is_up_to_date_is_left_alone(clone: Path) -> None:
    scripts = clone / ".venv/bin"
    scripts.mkdir(parents=True)
    program(scripts / "python", f'echo "$*" >>"{clone}/calls"; exec "{sys.executable}" -c pass')
    assert set_up(clone).returncode == 0, "installs into the environment that is there"
    first = (clone / "calls").read_text()
    assert "--require-hashes" in first
    assert "--editable ." in first
    (clone / "calls").unlink()
    assert set_up(clone).returncode == 0
    assert "install" not in (clone / "calls").read_text()
    with (clone / "requirements.txt").open("a") as lock:
        lock.write(os.linesep)
    assert set_up(clone).returncode == 0
    again = (clone / "calls").read_text()
    assert "--require-hashes" in again
    assert "--editable" not in again
