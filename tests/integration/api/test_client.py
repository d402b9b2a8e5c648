"""The clients over a real API: one that is killed while they wait, and files that they move."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from orchestrator.client import AsyncClient, Client, Heard
from orchestrator.contracts.views import Job, Snapshot
from orchestrator.domain.batch_job import JobEvent, JobState
from orchestrator.stack.ports import free_port
from orchestrator.stack.wait import wait_until
from orchestrator.storage.transitions import move_job
from tests.faults.proxy import proxied
from tests.integration.api.edit_desk import CONTENT, SHA256, Desk, app, desk
from tests.integration.api.rows import add_job
from tests.integration.api.test_packages import answers, api_process

__all__ = ["app", "desk"]


def test_a_wait_goes_on_when_the_api_is_killed_and_comes_back(
    engine: Engine, admin_key: str, database_url: str, tmp_path: Path
) -> None:
    with engine.begin() as tx:
        job = add_job(tx, state=JobState.STARTED)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    heard: dict[str, list[Snapshot]] = {"waits": [], "awaited": []}
    happened: list[Heard] = []

    def waits() -> Job:
        with Client(url, admin_key) as client:
            return client.wait(job, progress=heard["waits"].append, timeout_s=60)

    async def awaited() -> Job:
        async with AsyncClient(url, admin_key) as client:
            return await client.wait(job, progress=heard["awaited"].append, timeout_s=60)

    def follows() -> None:
        with Client(url, admin_key) as client:
            for event in client.all_events():
                if isinstance(event, Heard):
                    happened.append(event)
                    if event.to == "Success":
                        return

    with ThreadPoolExecutor(3) as beside:
        with api_process(database_url, tmp_path, port) as api:
            ends = [beside.submit(waits), beside.submit(lambda: asyncio.run(awaited()))]
            over = beside.submit(follows)
            assert wait_until(lambda: all(heard.values()), 20)
            with engine.begin() as tx:
                move_job(tx, job, JobState.STARTED, JobEvent.PAUSE_REQUESTED)
            assert wait_until(lambda: bool(happened) and all(one[-1].state == "Pausing" for one in heard.values()), 20)
            os.kill(api.pid, signal.SIGKILL)
            api.wait()
        assert not answers(port)
        with engine.begin() as tx:
            move_job(tx, job, JobState.PAUSING, JobEvent.DRAINED)
        with api_process(database_url, tmp_path, port):
            assert wait_until(lambda: len(happened) > 1, 20)
            with engine.begin() as tx:
                move_job(tx, job, JobState.PAUSED, JobEvent.RESUMED)
                move_job(tx, job, JobState.STARTED, JobEvent.ALL_SUCCEEDED)
            assert [end.result(30).state for end in ends] == ["Success", "Success"]
            over.result(30)
    for told in heard.values():
        assert [one.state for one in told][-3:] == ["Paused", "Started", "Success"]
    assert [event.to for event in happened] == ["Pausing", "Paused", "Started", "Success"]


def both(url: str, key: str, waits: Callable[[Client], Any], awaited: Callable[[AsyncClient], Any]) -> None:
    """Do the same with each client."""
    with Client(url, key) as client:
        waits(client)

    async def run() -> None:
        async with AsyncClient(url, key) as client:
            await awaited(client)

    asyncio.run(run())


def test_files_are_moved_in_each_way_wherever_the_line_is_cut(desk: Desk, tmp_path: Path) -> None:
    (desk.workspaces.folder(desk.job) / "package" / "roads.gpkg").write_bytes(CONTENT)
    with proxied(*desk.address) as proxy:

        def waits(client: Client) -> None:
            proxy.trouble.reset_after = 1_000_000
            fetched = client.fetch_package(desk.job, tmp_path)
            sent = client.send_edits(desk.job, fetched).sent
            assert sent is not None
            assert sent.sha256 == SHA256.hexdigest()

        async def awaited(client: AsyncClient) -> None:
            proxy.trouble.reset_after = 1_000_000
            fetched = await client.fetch_package(desk.job, tmp_path / "other")
            assert fetched.read_bytes() == CONTENT
            fetched.write_bytes(b"other")
            sent = (await client.send_edits(desk.job, fetched)).sent
            assert sent is not None
            assert sent.size == 5

        both(f"http://127.0.0.1:{proxy.port}", desk.keys["ed"], waits, awaited)
        assert proxy.trouble.times == 2


def test_a_file_that_nobody_waits_for_is_moved_no_further(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "roads.gpkg").write_bytes(CONTENT)

    async def begin_and_leave() -> None:
        async with AsyncClient(f"http://127.0.0.1:{free_port()}", desk.keys["ed"]) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.send_edits(desk.job, tmp_path / "roads.gpkg", patience_s=600), 0.2)

    asyncio.run(begin_and_leave())  # it waits for the thread
    assert not [one.name for one in threading.enumerate() if one.name.startswith("asyncio_")]


def test_a_ledger_is_read_line_by_line_in_each_way(desk: Desk) -> None:
    with desk.engine.begin() as tx:
        job = add_job(tx, state=JobState.SUCCESS)

    def waits(client: Client) -> None:
        assert list(client.ledger(job)) == []
        assert b"".join(client.export(job)).startswith(b"job_id,path")

    async def awaited(client: AsyncClient) -> None:
        assert [line async for line in client.ledger(job)] == []
        assert b"".join([piece async for piece in client.export(job)]).startswith(b"job_id,path")

    both("http://{}:{}".format(*desk.address), desk.keys["pia"], waits, awaited)
