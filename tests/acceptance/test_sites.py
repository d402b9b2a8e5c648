"""Two sites of a newcomer's own, each with its file, its key, its Redis user and its process group."""

import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError
from sqlalchemy import text

from orchestrator.contracts import names
from orchestrator.stack.lifeline import tied
from orchestrator.stack.wait import wait_until
from orchestrator.storage.database import make_engine
from tests.acceptance.changing_tree import change, differences, grow, whole_files
from tests.acceptance.whole_stack import ACTIONS, Whole, given, make_files, started

FILES = int(os.environ.get("TEST_SYNC_FILES", "300"))
"""Files of the tree that is mirrored; 10000 takes a minute or two."""

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("sites")]


@pytest.fixture(scope="module")
def hub() -> Iterator[Whole]:
    """An installation with a site of its own, which has nothing to do here."""
    with tempfile.TemporaryDirectory(prefix="sites-") as folder:
        top = Path(folder)
        top.chmod(0o711)
        for name in ("data", "more", "oslo-data", "bergen-data", "alta-data", "bodo-data"):
            (top / name).mkdir()
        with started(top / "home", top / "data", top / "more", "--no-flower", "--site", "centre") as stack:
            yield stack


def make_site(hub: Whole, name: str) -> Path:
    """What `orchestrator site new` writes, with the actions of these tests; the site's file."""
    top = hub.home.parent
    roots = ("--root", str(hub.data), "--root", str(top / f"{name}-data"))
    said = hub.cli("site", "new", name, *roots, "--out", str(top / name), "--hub-url", hub.profile["url"])
    assert f"{top / name}: site.toml, site.key, redis.url" in said
    assert "forgets" not in said, "the embedded broker keeps it"
    file = top / name / "site.toml"
    assert {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == dict.fromkeys(
        ("site.toml", "site.key", "redis.url"), 0o600
    )
    file.write_text(file.read_text().replace('# actions = ["my_actions.py"]', f'actions = ["{ACTIONS}"]'))
    return file


@contextmanager
def at_work(hub: Whole, file: Path) -> Generator["subprocess.Popen[bytes]"]:
    """All workers of a site: one command, in a process group of its own."""
    command = [sys.executable, "-m", "orchestrator.cli.main", "worker", "--config", str(file)]
    log = (file.parent / "log").open("ab")
    process = subprocess.Popen(
        tied(command, signal.SIGTERM), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
    )
    log.close()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(90) == 0, (file.parent / "log").read_text()


def site(hub: Whole, name: str) -> dict[str, Any]:
    answer = hub.http.get(f"/sites/{name}")
    return answer.json() if answer.status_code == 200 else {"nodes": [], "queues": []}


def is_there(hub: Whole, name: str, pools: int = 4) -> bool:
    return sum(node["live"] for node in site(hub, name)["nodes"]) == pools


def check(file: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "orchestrator.cli.main", "worker", "--config", str(file), "--check"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_two_sites_work_together_and_a_restart_costs_no_try(hub: Whole, tmp_path: Path) -> None:
    oslo, bergen = make_site(hub, "oslo"), make_site(hub, "bergen")
    said = check(oslo)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "note:" not in said.stdout, "its user reaches nothing else"
    assert said.stdout.count("  pool oslo.") == 4
    files = make_files(hub.folder(), [f"{number:03d}.txt" for number in range(60)])
    with at_work(hub, bergen):
        with at_work(hub, oslo):
            assert wait_until(lambda: is_there(hub, "oslo") and is_there(hub, "bergen"), 60)
            workflow = hub.define(
                {"name": "sleep", "seconds": 0.3},
                {"name": "example.record", "folder": str(tmp_path), "site": "bergen"},
                batch_size=1,
            )
            job = hub.submit(workflow, files[0].parent, site="oslo")
            assert wait_until(lambda: hub.job(job)["tasks"]["Success"] >= 5, 60)
        # It has been told to end, finished what ran, and given back the rest.
        assert wait_until(lambda: is_there(hub, "oslo", 0), 30)
        assert all(node["left_at"] for node in site(hub, "oslo")["nodes"])
        assert hub.job(job)["state"] == "Started"
        with at_work(hub, oslo):
            ended = hub.end(job, 120)
    assert (ended["state"], ended["paths"]["processed"]) == ("Success", len(files))
    assert given(tmp_path) == Counter(map(os.fsencode, files)), "each path once"
    engine = make_engine(hub.profile["database_url"], pool_size=1)
    with engine.begin() as tx:
        costs = tx.execute(text("select distinct tries, crashes from tasks where job_id = :job"), {"job": job}).all()
        lanes = tx.execute(
            text("select site, action, function from job_steps where job_id = :job order by step"), {"job": job}
        ).all()
    engine.dispose()
    assert [tuple(row) for row in costs] == [(0, 0)]
    assert [tuple(row) for row in lanes] == [("oslo", "sleep", "worker"), ("bergen", "example.record", "custom")]


def test_a_mirror_at_another_site_is_kept_up_across_a_kill(hub: Whole) -> None:
    alta, bodo = make_site(hub, "alta"), make_site(hub, "bodo")
    tree = hub.folder("mirrored")
    mirror = hub.home.parent / "bodo-data" / tree.name
    grow(tree, FILES, size=300_000_000 // FILES)

    def mirrored(kill: "subprocess.Popen[bytes] | None" = None) -> dict[str, Any]:
        fields = {"destination": str(mirror), "destinationsite": "bodo"}
        job = hub.submit("sync", tree, site="alta", fields=fields)
        if kill is not None:
            assert wait_until(lambda: len(whole_files(mirror)) > FILES // 20, 120, pause=0.005)
            os.killpg(kill.pid, signal.SIGKILL)
            kill.wait()
            assert hub.job(job)["state"] in ("Pending", "Started"), "there is more to do, heard of or not"
            return {"id": job}
        return hub.end(job, 300)

    with at_work(hub, alta):
        with at_work(hub, bodo) as group:
            assert wait_until(lambda: is_there(hub, "alta") and is_there(hub, "bodo"), 60)
            job = mirrored(kill=group)["id"]
        for path in whole_files(mirror):
            assert path.read_bytes() == (tree / path.relative_to(mirror)).read_bytes()
        with at_work(hub, bodo):
            assert hub.end(job, 300)["state"] == "Success", hub.items(f"/jobs/{job}/errors")
            assert differences(tree, mirror) == ""
            change(tree, 1)
            assert mirrored()["state"] == "Success"
            assert differences(tree, mirror) == ""
            nothing = mirrored()
    assert (nothing["state"], nothing["paths"]["total"], sum(nothing["tasks"].values())) == ("Success", 0, 0)


def test_a_site_reaches_nothing_of_another_with_what_it_was_given(hub: Whole) -> None:
    url = (make_site(hub, "harstad").parent / "redis.url").read_text().strip()
    with Redis.from_url(url) as client:
        own = cast(Any, client)
        assert own.ping()
        assert own.xadd(names.reports_stream("harstad"), {"d": b"rubbish"})
        for refused in (
            lambda: own.xadd(names.reports_stream("centre"), {"d": b"x"}),
            lambda: own.xadd(names.batches_stream("centre"), {"d": b"x"}),
            lambda: own.lpush("centre.default.worker", "x"),
            lambda: own.brpop("centre.default.worker", 1),
            lambda: own.hset(names.handouts_key("centre"), "p", "claimed"),
            lambda: own.delete(names.EPOCH_KEY),
            lambda: own.config_get("*"),
        ):
            with pytest.raises(NoPermissionError):
                refused()


def test_made_again_a_site_is_the_same_and_its_file_stays(hub: Whole) -> None:
    file = make_site(hub, "narvik")
    before = {path.name: path.read_text() for path in file.parent.iterdir()}
    said = hub.cli("site", "new", "narvik", "--out", str(file.parent))
    assert "was there, and is as it was" in said
    assert {path.name: path.read_text() for path in file.parent.iterdir()} == before
    assert "no name of a site" in hub.cli("site", "new", "No Way", code=2)


def test_a_part_of_a_site_is_drained_while_the_rest_works(hub: Whole, tmp_path: Path) -> None:
    file = make_site(hub, "tromso")
    files = make_files(hub.folder(), ["a.txt"])
    with at_work(hub, file):
        assert wait_until(lambda: is_there(hub, "tromso"), 60)
        said = hub.cli("site", "drain", "tromso", "--function", "custom", "--wait", "--timeout", "30")
        assert said == "site tromso, function custom, is drained; nothing is with it\n"
        held = hub.submit(hub.define({"name": "example.record", "folder": str(tmp_path)}), *files, site="tromso")
        goes_on = hub.run(hub.define({"name": "noop"}), *files, site="tromso")
        assert goes_on["state"] == "Success"
        assert wait_until(
            lambda: (
                {"part_draining"} <= {cause["cause"] for cause in hub.http.get(f"/jobs/{held}/why").json()["items"]}
            ),
            20,
        )
        assert "custom" in hub.cli("site", "tromso")
        hub.cli("site", "enable", "tromso", "--function", "custom")
        assert hub.end(held)["state"] == "Success"
        in_person = hub.run(hub.define({"name": "noop", "function": "interactive"}), *files, site="tromso")
        assert in_person["state"] == "Success"
