"""One whole stack, started as a person starts it, for all the tests that only use it."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Any
from uuid import uuid4

import httpx
import pytest

from orchestrator.client import path_input
from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.stack.lifeline import tied
from orchestrator.stack.ports import free_port
from orchestrator.stack.wait import wait_until
from tests.acceptance import example_actions

ACTIONS = Path(example_actions.__file__)
LIBRARY = Path(os.__file__).parent
"""Python's own library: a real tree that is there wherever these tests run."""
Document = dict[str, Any]


@dataclass(frozen=True)
class Whole:
    """A stack with two sites that may touch ``data`` (and ``more``, a second root) and nothing else."""

    home: Path
    data: Path
    more: Path
    http: httpx.Client
    profile: dict[str, str]

    @property
    def plugins(self) -> Path:
        """Where its workers look for what is installed, too."""
        return self.home.parent / "plugins"

    def folder(self, name: str = "tree") -> Path:
        """A new empty folder in the root, of this caller's own."""
        folder = self.data / f"{name}-{uuid4().hex[:8]}"
        folder.mkdir()
        return folder

    def define(self, *chain: Document, discovery: str | None = "recursive", **more: Any) -> str:
        """A new workflow with one rule and this chain (or with what ``more`` says); its name."""
        rule = {"type": more.pop("type", "file"), "batch_size": more.pop("batch_size", 1000), "action": list(chain)}
        name = f"flow_{uuid4().hex[:12]}"
        definition = {"name": name, "discovery": discovery, "filter_rules": [rule], **more}
        answer = self.http.post("/workflows", json=definition)
        assert answer.status_code == 201, answer.text
        return name

    def submit(self, workflow: str, *paths: object, site: str = "london", **more: Any) -> int:
        """A new job's id; a path is text, bytes, a pathlib path, or an object as the API takes it."""
        given = [path if isinstance(path, dict) else path_input(os.fsencode(path)) for path in paths]  # type: ignore[arg-type]
        answer = self.http.post("/jobs", json={"workflow": workflow, "site": site, "paths": given, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def job(self, job: int) -> Document:
        """How it is now."""
        return self.http.get(f"/jobs/{job}").raise_for_status().json()

    def end(self, job: int, seconds: float = 30) -> Document:
        """The job when it has ended; everything that must hold of every ended job is checked."""
        assert wait_until(lambda: self.job(job)["state"] in BATCH_JOB.terminal, seconds), self.job(job)
        ended = self.job(job)
        check_sums(ended)
        return ended

    def run(self, workflow: str, *paths: object, seconds: float = 30, **more: Any) -> Document:
        """Submit and wait for the end."""
        return self.end(self.submit(workflow, *paths, **more), seconds)

    def items(self, path: str, **query: Any) -> list[Document]:
        """Every item of a list, by pages."""
        found: list[Document] = []
        query["limit"] = 500
        while True:
            page = self.http.get(path, params=query).raise_for_status().json()
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    def outcomes(self, job: int) -> dict[bytes, tuple[str, int | None, str | None]]:
        """Path -> outcome, step, message."""
        return {
            raw(item): (item["outcome"], item["step"], item["message"]) for item in self.items(f"/jobs/{job}/paths")
        }

    def states(self, job: int) -> Counter[tuple[int, str]]:
        """How many tasks there are of each (step, state)."""
        return Counter((task["step"], task["state"]) for task in self.items(f"/jobs/{job}/tasks"))

    def cli(self, *arguments: str, code: int = 0) -> str:
        """What a command says, on both streams."""
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator.cli.main", *arguments],
            cwd=self.data,
            env={**os.environ, "ORCHESTRATOR_HOME": str(self.home), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done
        return (done.stdout + done.stderr).decode()

    def cli_json(self, *arguments: str) -> list[Document]:
        """What a command says with ``--json``."""
        return [json.loads(line) for line in self.cli(*arguments, "--json").splitlines()]

    def pid(self, name: str) -> int | None:
        """The process of a part, None while it is down."""
        return json.loads((self.home / "processes.json").read_text()).get(name)


def raw(item: Document) -> bytes:
    """The bytes of a path in an answer."""
    return base64.b64decode(item["path_b64"]) if item["path_b64"] else item["path"].encode()


def recorded(folder: Path, step: int | None = None) -> list[Document]:
    """What the actions that write things down have written, one document a task."""
    files = sorted(folder.glob("step-*.json" if step is None else f"step-{step}-*.json"))
    return [json.loads(file.read_text()) for file in files]


def given(folder: Path, step: int | None = None) -> Counter[bytes]:
    """The paths that ``example.record`` was given, and how often."""
    return Counter(base64.b64decode(path["path"]) for task in recorded(folder, step) for path in task["given"])


def check_sums(job: Document) -> None:
    """Each path is counted once, and the counts by state and by step agree."""
    counts = job["paths"]
    ends = ("processed", "skipped", "failed", "aborted", "cancelled")
    assert sum(counts[end] for end in ends) == counts["total"], counts
    assert job["discovery"]["found"] == counts["total"] + counts["unmatched"], job
    assert job["tasks"] == {state: sum(step[state] for step in job["steps"]) for state in job["tasks"]}
    assert job["tasks"]["Pending"] == job["tasks"]["Started"] == 0
    assert job["ended_at"] is not None
    progress = job["progress"]
    assert (progress["done"], progress["percent"], progress["total_is_final"]) == (counts["total"], 100, True)


def make_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """Small files with these names, and the folders they need."""
    files = [folder / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    return files


@contextmanager
def started(
    home: Path, data: Path, more: Path, *options: object, environment: Mapping[str, str] | None = None, ends: int = 0
) -> Generator[Whole]:
    """``orchestrator up``, used, and stopped (or ended as ``ends`` says); with this process however that dies."""
    up = ["up", "--home", home, "--port", free_port(), "--root", data, "--root", more, "--root", LIBRARY, *options]
    command = tied([sys.executable, "-m", "orchestrator.cli.main", *map(str, up)], SIGTERM)
    said = home.parent / "up.log"
    told = {**os.environ, **(environment or {})}
    with said.open("wb") as log:
        stack = subprocess.Popen(command, cwd=data, env=told, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        assert wait_until(lambda: stack.poll() is not None or "ready" in said.read_text(), 110), said.read_text()
        assert stack.poll() is None, said.read_text()
        profile: dict[str, str] = json.loads((home / "profile.json").read_text())
        headers = {"Authorization": f"Bearer {profile['key']}"}
        # One request, one connection, tried again: the API may be killed between two.
        transport = httpx.HTTPTransport(retries=3, limits=httpx.Limits(max_keepalive_connections=0))
        url = profile["url"] + "/api/v1"
        with httpx.Client(base_url=url, headers=headers, timeout=30, transport=transport) as http:
            yield Whole(home, data, more, http, profile)
    finally:
        stack.terminate()
        assert stack.wait(60) == ends, said.read_text()


@pytest.fixture(scope="session")
def whole() -> Iterator[Whole]:
    """The one stack of this process's tests; each test works in folders of its own."""
    with tempfile.TemporaryDirectory(prefix="whole-stack-") as folder:
        top = Path(folder)
        top.chmod(0o711)  # root's database is another user's, who has to pass through
        data, more = top / "data", top / "more"
        data.mkdir()
        more.mkdir()
        actions = ("--actions", ACTIONS, "--actions", "examples.map_edits.actions")
        options = ("--flower-port", free_port(), "--concurrency", 2, *actions)
        told = {"PYTHONPATH": str(top / "plugins")}
        with started(top / "home", data, more, *options, environment=told) as stack:
            yield stack
