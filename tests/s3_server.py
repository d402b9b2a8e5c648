"""An S3 of this machine's own (moto), in a process of its own, for tests of stores."""

import socket
import subprocess
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from orchestrator.stack.wait import wait_until
from workers.store_entry import StoreEntry
from workers.stores import Stores

CREDENTIALS = 'key = "a-key"\nsecret = "a-canary-secret"\n'


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def s3_server() -> Generator[str, None, None]:
    """Its address."""
    port = _port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        assert wait_until(lambda: _answers(url), 60), "moto did not start"
        yield url
    finally:
        process.kill()
        process.wait()


def store_at(server: str, folder: Path, url: str = "s3://bucket/data", **more: Any) -> StoreEntry:
    """A store there, with credentials in a file of this folder."""
    (folder / "s3.toml").write_text(CREDENTIALS)
    return StoreEntry(
        url=url,
        options={"endpoint_url": server, "default_block_size": 5 * 2**20},
        options_file=folder / "s3.toml",
        **more,
    )


def put(server: str, keys: Iterable[str], bucket: str = "bucket") -> None:
    """Make the bucket and objects in it; what is in each is its name below the first folder."""
    import s3fs  # noqa: PLC0415  # slow to import, and most tests have no need of it

    options: dict[str, Any] = {"endpoint_url": server, "key": "a-key", "secret": "a-canary-secret"}
    fs: Any = s3fs.S3FileSystem(**options, skip_instance_cache=True)
    if not fs.exists(bucket):
        fs.mkdir(bucket)
    fs.pipe({f"{bucket}/{key}": key.partition("/")[2].encode() for key in keys})


def put_object(stores: Stores, path: bytes, content: bytes) -> None:
    """Write an object as most do: in one go, and not by parts, with which its tag is another one."""
    at: Any = stores._place(path)
    at.fs.pipe_file(at.name, content)


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/moto-api/", timeout=1):  # noqa: S310 - our own
            return True
    except OSError:
        return False
