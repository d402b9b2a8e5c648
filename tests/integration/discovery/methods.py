"""Every way to discover, each over things of its own: what all of them promise is tested with all of them."""

import base64
import gzip
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from orchestrator.contracts.batch import Batch
from orchestrator.contracts.paths import unpack
from orchestrator.contracts.sighting import unpack_sightings
from tests.s3_server import put, store_at
from workers.registry import REGISTRY
from workers.store_entry import StoreEntry

PAGE = Path(__file__).parents[3] / "docs" / "discovery.md"


@dataclass
class Case:
    """What one method is to find."""

    method: str
    start: list[bytes]
    expected: list[bytes]
    options: dict[str, Any]
    stores: tuple[StoreEntry, ...] = ()
    module: Path | None = None
    """A plugin that has to be loaded."""


Make = Callable[[Path, str | None, int], Case]
"""(folder, address of an S3 server or None, how many) -> the case."""


def tree(folder: Path, n: int) -> list[bytes]:
    """So many files and folders below a folder, a few in each."""
    paths: list[bytes] = []
    below = folder
    for number in range(n):
        if number % 20 == 0:
            below = folder / f"d{number // 20:05d}"
            below.mkdir(parents=True)
            paths.append(os.fsencode(below))
        else:
            file = below / f"f{number % 20:02d}"
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY))
            paths.append(os.fsencode(file))
    return paths


def _walks(method: str) -> Make:
    def make(folder: Path, _server: str | None, n: int) -> Case:
        (folder / "tree").mkdir()
        return Case(method, [os.fsencode(folder / "tree")], tree(folder / "tree", n), {})

    return make


def _lists(name: str, write: Callable[[Iterable[bytes]], bytes], **options: Any) -> Make:
    def make(folder: Path, _server: str | None, n: int) -> Case:
        paths = [b"/data/%d\xff" % number for number in range(n)]
        (folder / name).write_bytes(write(paths))
        return Case("listing", [os.fsencode(folder / name)], paths, options)

    return make


def _json(paths: Iterable[bytes]) -> bytes:
    return b"\n".join(json.dumps({"path_b64": base64.b64encode(path).decode()}).encode() for path in paths)


def _given(_folder: Path, _server: str | None, n: int) -> Case:
    paths = [b"id %d" % number for number in range(n)]
    return Case("given", paths, paths, {})


@lru_cache
def _stored(server: str, n: int) -> list[str]:
    """So many objects, which take their time to make: a bucket of them, once."""
    keys = [f"data/{number % 7}/{number:06d}" for number in range(n)]
    put(server, keys, bucket=f"bucket-{n}")
    return keys


def _objects(method: str) -> Make:
    def make(folder: Path, server: str | None, n: int) -> Case:
        assert server is not None
        url = f"s3://bucket-{n}/data"
        expected = [f"s3://bucket-{n}/{key}".encode() for key in _stored(server, n)]
        return Case(method, [url.encode()], expected, {}, (store_at(server, folder, url),))

    return make


def _plugin(folder: Path, _server: str | None, n: int) -> Case:
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module = folder / "documented_plugin.py"
    module.write_text(example, encoding="utf-8")
    case = _lists("list", b"\n".join)(folder, None, n)
    return Case("lines", case.start, case.expected, {"comment": ";"}, module=module)


METHODS: dict[str, Make] = {
    "recursive": _walks("recursive"),
    "changes": _walks("changes"),
    "given": _given,
    "listing-text": _lists("list", b"\n".join),
    "listing-csv": _lists("list.csv", lambda paths: b"n,path\n" + b"".join(b'1,"%s"\n' % path for path in paths)),
    "listing-jsonl": _lists("list.jsonl", _json),
    "listing-gzip": _lists("list.txt.gz", lambda paths: gzip.compress(b"\n".join(paths), 1)),
    "object-store": _objects("object-store"),
    "recursive-store": _objects("recursive"),
    "changes-store": _objects("changes"),
    "plugin": _plugin,
}
NEED_S3 = frozenset({"object-store", "recursive-store", "changes-store"})


def load(case: Case) -> None:
    """Have its plugin, if it is one."""
    if case.module is not None and case.method not in REGISTRY.discoveries:
        REGISTRY.load([str(case.module)], groups=[])
        assert not REGISTRY.problems


def found_in(batches: Iterable[Batch]) -> list[bytes]:
    """Every path that these entries tell of, as often as they do."""
    paths: list[bytes] = []
    for batch in batches:
        for found in batch.found:
            paths += unpack(found.paths).paths
        for sighting in unpack_sightings(batch.seen) if batch.seen else ():
            paths += [sighting.folder + name for name in sighting.names]
    return paths
