"""Which piece of a file a request says that it brings."""

import base64
import hashlib

import pytest
from starlette.datastructures import Headers

from orchestrator.api.piece import digest_field, piece_of
from orchestrator.errors import Invalid, TooLarge
from orchestrator.services.receive import Piece

DIGEST = hashlib.sha256(b"hello").digest()
FIELD = digest_field(DIGEST)


def of(**headers: str) -> Piece:
    return piece_of(Headers({name.replace("_", "-"): value for name, value in headers.items()}), 4096)


def test_what_is_said_is_understood() -> None:
    assert of() == Piece()
    assert of(repr_digest=FIELD) == Piece(sha256=DIGEST.hex())
    assert of(repr_digest=f"sha-512=:AAAA:, {FIELD}") == Piece(sha256=DIGEST.hex())
    assert of(repr_digest=FIELD, content_range="bytes 5-9/20") == Piece(5, 10, 20, DIGEST.hex())


@pytest.mark.parametrize("said", ["bytes 5-4/20", "bytes 0-20/20", "bytes 0-1/*", "bytes */20", "items 0-1/2", "0-1/2"])
def test_a_range_that_can_not_be_is_refused(said: str) -> None:
    with pytest.raises(Invalid) as refused:
        of(repr_digest=FIELD, content_range=said)
    assert refused.value.faults[0].place == "header Content-Range"


@pytest.mark.parametrize("said", ["", "sha-256=:AAAA:", "sha-256=abc", "md5=:AAAA:", f"sha-256=:{'A' * 43}:"])
def test_a_checksum_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(Invalid) as refused:
        of(repr_digest=said)
    assert refused.value.faults[0].place == "header Repr-Digest"


def test_a_piece_needs_the_checksum_of_the_whole() -> None:
    with pytest.raises(Invalid, match="the request is wrong"):
        of(content_range="bytes 0-1/2")


def test_a_file_that_is_too_large_is_refused_before_it_comes() -> None:
    assert of(repr_digest=FIELD, content_range="bytes 0-1/4096").total == 4096
    with pytest.raises(TooLarge, match="larger than 4096 bytes"):
        of(repr_digest=FIELD, content_range="bytes 0-1/4097")


def test_a_checksum_is_told_as_the_standard_has_it() -> None:
    assert f"sha-256=:{base64.b64encode(DIGEST).decode()}:" == FIELD
