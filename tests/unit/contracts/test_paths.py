"""Lists of paths as they are packed: short ones as they are, long ones deflated, and nothing else gets in."""

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contracts.paths import (
    MAX_PLAIN_BYTES,
    Carry,
    PathList,
    pack,
    pack_carry,
    path_list,
    unpack,
    unpack_carry,
)
from orchestrator.errors import WireError

rows = st.lists(
    st.tuples(
        st.binary(max_size=80),
        st.sampled_from("fdlo?"),
        st.none() | st.text(max_size=5),
        st.none() | st.integers(0, 2**63 - 1),
    ),
    max_size=40,
)


@given(rows, st.binary(max_size=20))
def test_a_list_comes_out_as_it_went_in(rows: list[tuple[bytes, str, str | None, int | None]], base: bytes) -> None:
    paths = [row[0] for row in rows]
    columns = path_list(
        paths, "".join(row[1] for row in rows), [row[2] for row in rows], [row[3] for row in rows], base
    )
    assert unpack(pack(columns)) == columns


def test_only_what_is_long_is_deflated() -> None:
    one, many = PathList([b"/data/one"], base=b"/data"), PathList([b"/data/%04d" % number for number in range(1000)])
    assert pack(one) == msgspec.msgpack.encode(one)
    assert len(pack(many)) < len(msgspec.msgpack.encode(many)) / 2
    notes = Carry(notes={index: {"digest": "0" * 64} for index in range(100)})
    assert unpack_carry(pack_carry(notes)) == notes
    assert len(pack_carry(notes) or b"") < 1000


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x91",
        b"x",
        zlib.compress(b""),
        zlib.compress(msgspec.msgpack.encode(["no paths"])),
        msgspec.msgpack.encode(PathList([b"a"])) + b"more",
        pack(PathList([b"/data/%04d" % number for number in range(1000)]))[:-1],
        zlib.compress(bytes(MAX_PLAIN_BYTES + 1)),
    ],
)
def test_what_is_no_list_is_refused(blob: bytes) -> None:
    with pytest.raises(WireError, match="PathList"):
        unpack(blob)
