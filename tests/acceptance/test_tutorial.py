"""The tutorial, followed word by word."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from orchestrator.stack.ports import free_port

pytestmark = pytest.mark.timeout(300)

PAGE = Path(__file__).parents[2] / "docs/tutorial.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_it_leads_where_it_says() -> None:
    with tempfile.TemporaryDirectory(prefix="tutorial-") as folder:
        top = Path(folder)
        top.chmod(0o711)
        said = follow(top)
    shown = (
        "sheet 1.txt",
        "exit code 1",
        "leads outside the roots",
        "lunch",
        "Cancelled",
        "Success 301 of 301",
        "30 2 * * * (Europe/London)",
        "300\n",
        "301\n",
    )
    for line in shown:
        assert line in said, (line, said)


def follow(top: Path) -> str:
    """What the commands print. Only where they start, the ports, and the set-up that is done already are ours."""
    blocks = BLOCK.findall(PAGE.read_text())
    assert blocks[0] == "make setup\n. .venv/bin/activate\n"
    script = "\n".join(blocks[1:])
    up = "orchestrator up --detach"
    assert script.count(up) == 1
    script = script.replace(up, f"{up} --port {free_port()} --flower-port {free_port()}")
    program = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    environment |= {"ORCHESTRATOR_HOME": str(top / "home"), "PATH": f"{program}:{os.environ['PATH']}"}
    file = top / "tutorial.sh"
    file.write_text(f"set -eu\ntrap 'orchestrator down || true' EXIT\n{script}")
    done = subprocess.run(["bash", str(file)], cwd=top, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
