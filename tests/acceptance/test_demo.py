"""The demo, as a newcomer runs it: it ends well, and leaves nothing behind."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.timeout(150)


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The demo with its temporary files in this folder."""
    return subprocess.run(
        [sys.executable, "-m", "orchestrator.cli.main", "demo", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=140,
        env=environment(folder),
    )


def environment(folder: Path) -> dict[str, str]:
    """Temporary files go to this folder, and settings of a real installation are in the way."""
    return {
        **os.environ,
        "TMPDIR": str(folder),
        "ORCHESTRATOR_HOME": str(folder / "not this one"),
        "ORCHESTRATOR_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "ORCHESTRATOR_URL": "http://127.0.0.1:1",
    }


@pytest.fixture
def temporary() -> Path:
    """Short, since sockets may lie in it, and open, since root's database passes through it."""
    folder = Path(tempfile.mkdtemp(prefix="demo-test-"))
    folder.chmod(0o711)
    return folder


def assert_nothing_is_left(temporary: Path) -> None:
    assert list(temporary.iterdir()) == []
    temporary.rmdir()
    mark = str(temporary)
    left = [p for p in psutil.process_iter(["cmdline"]) if any(mark in part for part in p.info["cmdline"] or ())]
    assert left == []


def test_one_path_fails_alone_and_the_rest_goes_on(temporary: Path) -> None:
    done = run_demo(temporary)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed in step 0:" in done.stdout
    assert "outside.tif" in done.stdout
    assert "where to look: orchestrator errors 1" in done.stdout
    assert "the job ends Failure because one path failed" in done.stdout
    assert "The other 300 paths went on" in done.stdout
    assert_nothing_is_left(temporary)


def test_a_folder_that_is_given_is_read_and_not_changed(temporary: Path, tmp_path: Path) -> None:
    tree = tmp_path / "mine"
    for number in range(30):
        (tree / f"box {number % 3}").mkdir(parents=True, exist_ok=True)
        (tree / f"box {number % 3}" / f"{number} 🗺️.txt").write_text(str(number))
    before = sorted((path, path.stat().st_mtime_ns) for path in tree.rglob("*"))
    done = run_demo(temporary, str(tree), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    job = json.loads(done.stdout.splitlines()[-1])
    assert (job["state"], job["paths"]["total"], job["paths"]["processed"]) == ("Success", 30, 30)
    assert [step["action"] for step in job["steps"]] == ["fs.checksum", "noop"]
    assert sorted((path, path.stat().st_mtime_ns) for path in tree.rglob("*")) == before
    assert_nothing_is_left(temporary)
