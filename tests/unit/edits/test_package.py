"""Packages: one file as it is, several as a ZIP, the same bytes whenever they are asked for."""

import hashlib
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import Conflict
from orchestrator.services.package import deliver
from orchestrator.services.workspace import Workspaces


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "workspaces")


def content(workspaces: Workspaces, job: int = 1) -> tuple[str, bytes]:
    delivery = deliver(workspaces, job)
    with delivery.file as file:
        sent = file.read()
    assert (delivery.size, delivery.sha256) == (len(sent), hashlib.sha256(sent).digest())
    return delivery.name, sent


def test_a_single_file_is_sent_as_it_is(workspaces: Workspaces) -> None:
    (workspaces.make(1) / "package" / "süd.geojson").write_bytes(b"{}")
    assert content(workspaces) == ("süd.geojson", b"{}")


def test_several_are_sent_as_a_zip_whose_bytes_stay_the_same(workspaces: Workspaces) -> None:
    package = workspaces.make(1) / "package"
    (package / "a").mkdir()
    (package / "a" / "deep.bin").write_bytes(os.urandom(3_000_000))
    (package / "readme").write_text("hello")
    os.utime(package / "readme", (0, 0))
    with ThreadPoolExecutor(4) as pool:
        sent = set(pool.map(lambda _: content(workspaces), range(4)))
    assert len(sent) == 1
    name, archive = sent.pop()
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == {
            "a/deep.bin": (package / "a" / "deep.bin").read_bytes(),
            "readme": b"hello",
        }
    assert name == "job-1.zip"
    (package / "more").write_text("comes too late")
    assert content(workspaces) == (name, archive)


def test_a_file_in_a_folder_is_a_zip(workspaces: Workspaces) -> None:
    (workspaces.make(1) / "package" / "a").mkdir()
    (workspaces.folder(1) / "package" / "a" / "b").write_text("b")
    assert content(workspaces)[0] == "job-1.zip"


def test_what_is_no_package_is_refused(workspaces: Workspaces, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="job 1 has no workspace"):
        deliver(workspaces, 1)
    package = workspaces.make(1) / "package"
    with pytest.raises(Conflict, match="the package of job 1 is empty"):
        deliver(workspaces, 1)
    (tmp_path / "secret").write_text("not yours")
    (package / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(Conflict, match="'link' is neither a file nor a folder"):
        deliver(workspaces, 1)
    (package / "link").unlink()
    for name in (b"\xff", b"plain"):
        (package / os.fsdecode(name)).write_text("")
    with pytest.raises(Conflict, match="not UTF-8"):
        deliver(workspaces, 1)
    assert os.listdir(workspaces.folder(1) / "delivery") == []
    for file in package.iterdir():
        file.unlink()
    package.rmdir()
    with pytest.raises(Conflict, match="job 1 has no package"):
        deliver(workspaces, 1)
