"""Files that belong to jobs: kept in a folder, known by the database, and gone with their job."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from orchestrator.domain.roles import Role
from orchestrator.services.keys import make_key
from orchestrator.stack.wait import wait_until
from orchestrator.storage.files import Files
from tests.asking import asking
from tests.integration.api.rows import add_job

MIB = 1024 * 1024


@pytest.fixture
def folder(app: FastAPI) -> Path:
    return app.state.parts.files.folder


@pytest.fixture
def job(engine: Engine) -> int:
    with engine.begin() as tx:
        return add_job(tx)


def put(api: httpx.Client, job: int, name: str, content: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    return api.post(f"/api/v1/jobs/{job}/attachments", params={"name": name}, content=content, headers=headers)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_comes_back_as_it_was(api: httpx.Client, job: int, folder: Path) -> None:
    content = os.urandom(MIB + 17)
    pieces = (content[place : place + 70_000] for place in range(0, len(content), 70_000))
    added = put(api, job, "a plan (2) é.pdf", pieces, **{"Content-Type": "application/pdf"})
    assert added.status_code == 201, added.text
    told = added.json()
    assert (told["name"], told["size"], told["media_type"]) == ("a plan (2) é.pdf", len(content), "application/pdf")
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["added_by"] == "admin"
    assert files(folder) == [f"{job}/{told['id']}"]
    assert api.get(f"/api/v1/jobs/{job}/attachments").json()["items"] == [told]
    got = api.get(f"/api/v1/jobs/{job}/attachments/{told['id']}")
    assert got.content == content
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-disposition"].startswith("attachment; filename*=")
    assert (got.headers["x-content-type-options"], got.headers["content-security-policy"]) == ("nosniff", "sandbox")
    history = api.get(f"/api/v1/jobs/{job}/history").json()["items"][-1]
    assert (history["event"], history["comment"]) == ("AttachmentAdded", "a plan (2) é.pdf")


def test_what_is_too_large_leaves_nothing(api: httpx.Client, job: int, folder: Path) -> None:
    assert put(api, job, "large", b"x" * (2 * MIB + 1)).status_code == 413
    chunks = (b"x" * MIB for _ in range(3))
    assert put(api, job, "large", chunks).status_code == 413
    assert put(api, job, "just", b"x" * 2 * MIB).status_code == 201
    assert len(files(folder)) == 1


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", ".", "a\nb", "a\0b", "", "é" * 200])
def test_names_that_are_no_names_of_files_are_refused(api: httpx.Client, job: int, folder: Path, name: str) -> None:
    refused = put(api, job, name, b"x")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["place"] == "?name"
    assert not folder.exists() or not files(folder)


def test_a_name_is_there_once(api: httpx.Client, job: int, folder: Path) -> None:
    assert put(api, job, "a", b"1").status_code == 201
    assert put(api, job, "a", b"2").status_code == 409
    assert len(files(folder)) == 1
    assert put(api, 999, "a", b"1").status_code == 404


def test_who_may_delete_it(api: httpx.Client, engine: Engine, job: int, folder: Path) -> None:
    with engine.begin() as tx:
        row = "insert into users (name, roles) values ('wim', array['worker']), ('vic', array['viewer'])"
        tx.execute(text(row))
        keys = {name: make_key(tx, name).plain for name in ("wim", "vic")}
    assert Role.WORKER == "worker"

    def as_(name: str) -> httpx.Client:
        return asking(api.base_url, keys[name])

    with as_("wim") as wim, as_("vic") as vic:
        assert put(vic, job, "a", b"1").status_code == 403
        mine = put(wim, job, "mine", b"1").json()["id"]
        other = put(api, job, "other", b"1").json()["id"]
        assert vic.get(f"/api/v1/jobs/{job}/attachments/{mine}").content == b"1"
        assert wim.delete(f"/api/v1/jobs/{job}/attachments/{other}").status_code == 403
        assert wim.delete(f"/api/v1/jobs/{job}/attachments/{mine}").status_code == 204
        assert wim.delete(f"/api/v1/jobs/{job}/attachments/{mine}").status_code == 404
    assert files(folder) == [f"{job}/{other}"]
    (folder / str(job) / str(other)).unlink()
    assert api.get(f"/api/v1/jobs/{job}/attachments/{other}").status_code == 404


def test_what_has_no_row_is_removed_once_it_is_old(api: httpx.Client, engine: Engine, job: int, folder: Path) -> None:
    kept = put(api, job, "a", b"1").json()["id"]
    swept = Files(folder)
    for name in (f"{job}/7777", "8888/1", "incoming/half"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert swept.sweep(engine) == 0, "it may be about to get its row"
    long_ago = time.time() - 7200
    for name in files(folder):
        os.utime(folder / name, (long_ago, long_ago))
    assert swept.sweep(engine) == 3
    assert files(folder) == [f"{job}/{kept}"]
    with engine.begin() as tx:
        tx.execute(text("delete from jobs where id = :job"), {"job": job})
    assert swept.sweep(engine) == 1
    assert not (folder / str(job)).exists()


def test_a_key_that_is_bound_to_another_site_adds_and_takes_away_none(
    api: httpx.Client, engine: Engine, job: int
) -> None:
    with engine.begin() as tx:
        tx.execute(text("insert into sites (name) values ('paris')"))
        key = make_key(tx, "admin", site="paris").plain
    id = put(api, job, "a", b"a").json()["id"]
    bound = {"Authorization": f"Bearer {key}"}
    assert put(api, job, "b", b"b", **bound).status_code == 403
    assert api.delete(f"/api/v1/jobs/{job}/attachments/{id}", headers=bound).status_code == 403
    assert [one["name"] for one in api.get(f"/api/v1/jobs/{job}/attachments").json()["items"]] == ["a"]


def test_an_upload_that_is_cut_off_is_nobodys_error(
    api: httpx.Client, job: int, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x" * MIB
        assert wait_until(lambda: files(folder) != [], 20)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        put(api, job, "half.bin", pieces())
    assert wait_until(lambda: files(folder) == [], 20)
    assert api.get(f"/api/v1/jobs/{job}/attachments").json()["items"] == []
    assert "error" not in caplog.text
