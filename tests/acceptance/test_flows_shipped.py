"""The workflows that ship, as a new installation has them, on real trees and two sites."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import zstandard

from orchestrator.domain.batch_job import BATCH_JOB
from orchestrator.stack.wait import wait_until
from tests.acceptance.changing_tree import change, differences, grow, whole_files
from tests.acceptance.whole_stack import Whole

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("whole")]


def test_they_are_there_without_anybody_having_made_them(whole: Whole) -> None:
    shipped = {item["name"]: item for item in whole.items("/workflows") if item["created_by"] == "orchestrator"}
    assert set(shipped) == {"archive", "checksum", "copy", "sync", "verify"}
    listed = whole.cli("workflows")
    assert all(name in listed for name in shipped)


def test_copy_checksum_and_verify(whole: Whole) -> None:
    tree = whole.folder()
    grow(tree, 120)
    into = whole.more / tree.name
    fields = {"destination": str(into), "destinationsite": "paris", "verify": True}
    copied = whole.run("copy", tree, fields=fields)
    assert copied["state"] == "Success", whole.items(f"/jobs/{copied['id']}/errors")
    assert differences(tree, into) == ""
    again = whole.run("copy", tree, fields=fields)
    assert again["state"] == "Success"
    digested = whole.run("checksum", into, site="paris", fields={"sidecar": True})
    assert digested["state"] == "Success"
    assert digested["paths"]["processed"] == 124
    verified = whole.run("verify", into, site="paris")
    assert verified["state"] == "Success"
    assert verified["paths"]["processed"] == verified["paths"]["skipped"] == 124
    (into / "log.0").write_bytes(b"rotten")
    rotten = whole.run("verify", into, site="paris")
    assert rotten["paths"]["failed"] == 1
    assert [error["error_class"] for error in whole.items(f"/jobs/{rotten['id']}/errors")] == ["DigestMismatch"]


def test_archive(whole: Whole, tmp_path: Path) -> None:
    tree = whole.folder()
    grow(tree, 120)
    into = whole.more / tree.name
    job = whole.run("archive", tree, fields={"destination": str(into), "prefix": "scans", "verify": True})
    assert job["state"] == "Success", whole.items(f"/jobs/{job['id']}/errors")
    archives = sorted(into.iterdir())
    assert all(archive.name.startswith(f"scans-{job['id']}-") for archive in archives)
    for archive in archives:
        plain = zstandard.ZstdDecompressor().stream_reader(archive.read_bytes()).read()
        subprocess.run(["tar", "-x", "-C", tmp_path], input=plain, check=True)
    assert differences(tree, tmp_path) == ""


def test_a_mirror_is_kept_up_and_a_run_without_changes_does_nothing(whole: Whole) -> None:
    tree = whole.folder()
    grow(tree, 200)
    mirror = whole.more / tree.name
    fields = {"destination": str(mirror), "destinationsite": "paris"}
    first = whole.run("sync", tree, fields=fields, seconds=60)
    assert first["state"] == "Success", whole.items(f"/jobs/{first['id']}/errors")
    assert differences(tree, mirror) == ""
    for seed in range(3):
        change(tree, seed)
        job = whole.run("sync", tree, fields=fields, seconds=60)
        assert differences(tree, mirror) == "", seed
        assert job["state"] == "Success", whole.items(f"/jobs/{job['id']}/errors")
        nothing = whole.run("sync", tree, fields=fields, seconds=60)
        assert (nothing["state"], nothing["paths"]["total"], sum(nothing["tasks"].values())) == ("Success", 0, 0)


def test_what_was_moved_is_not_copied_again(whole: Whole) -> None:
    tree = whole.folder()
    grow(tree, 60)
    mirror = whole.more / tree.name
    fields = {"destination": str(mirror), "destinationsite": "paris"}
    assert whole.run("sync", tree, fields=fields)["state"] == "Success"
    folder = tree / "plain 0"
    there = mirror / folder.name
    inodes = {path.relative_to(there): path.stat().st_ino for path in there.rglob("*") if path.is_file()}
    assert inodes
    folder.rename(tree / "elsewhere")
    assert whole.run("sync", tree, fields=fields)["state"] == "Success"
    assert differences(tree, mirror) == ""
    now = {path: (mirror / "elsewhere" / path).stat().st_ino for path in inodes if "\udcff" not in str(path)}
    assert now
    assert now == {path: inode for path, inode in inodes.items() if path in now}


def test_a_kill_in_the_middle_leaves_no_half_file(whole: Whole) -> None:
    tree = whole.folder()
    grow(tree, 60, size=4 << 20)
    mirror = whole.more / tree.name
    job = whole.submit("sync", tree, fields={"destination": str(mirror), "destinationsite": "paris"})
    assert wait_until(lambda: len(whole_files(mirror)) > 4, 30, pause=0.005)
    worker = whole.pid("paris.worker")
    assert worker is not None
    assert whole.job(job)["state"] not in BATCH_JOB.terminal
    os.kill(worker, signal.SIGKILL)
    for there in whole_files(mirror):
        assert there.read_bytes() == (tree / there.relative_to(mirror)).read_bytes()
    ended = whole.end(job, 90)
    assert ended["state"] == "Success", whole.items(f"/jobs/{job}/errors")
    assert differences(tree, mirror) == ""
