"""The documentation builds as a site, and what is generated for it is there."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(180)
def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "docs/README.html" in (tmp_path / "index.html").read_text()
    reference = tmp_path / "docs/reference"
    assert ">/api/v1/jobs<" in (reference / "http.html").read_text()
    assert "orchestrator submit" in (reference / "commands.html").read_text()
    python = (reference / "python.html").read_text()
    for name in ("workers.Context", "workers.action", "workers.testing.run_action", "orchestrator.client.Client"):
        assert f'id="{name}"' in python, name
