"""Lists of paths that lie in a store: on a real S3 server."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.contracts.paths import PathList
from tests.s3_server import put, s3_server, store_at
from workers.discovery.finding import DiscoveryContext, Listing
from workers.discovery.listing import listing
from workers.roots import Root, Roots
from workers.stores import Stores


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as server:
        put(server, ["data/x"])
        yield server


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list", b"/a\n/b c\n/last"),
        ("list.gz", gzip.compress(b"/a\n/b c\n/last")),
        ("list.csv", b"path\n/a\n/b c\n/last"),
        ("list.jsonl", b'"/a"\n"/b c"\n"/last"'),
    ],
    ids=["text", "gzip", "csv", "jsonl"],
)
def test_a_list_is_read_from_any_place_in_it(server: str, tmp_path: Path, name: str, content: bytes) -> None:
    stores = Stores([store_at(server, tmp_path)])
    url = b"s3://bucket/data/" + name.encode()
    with stores.write(url) as file:
        file.write(content)
    ctx = DiscoveryContext(Roots([Root(os.fsencode(tmp_path))], stores))
    (found,) = listing(ctx, PathList([url]), None)
    assert isinstance(found, Listing)
    assert found.names == [b"/a", b"/b c", b"/last"]
    (rest,) = listing(ctx, PathList([url]), found.cursor(1))
    assert isinstance(rest, Listing)
    assert rest.names == [b"/b c", b"/last"]
