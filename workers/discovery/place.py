"""The cursor of a recursive walk: as long as the tree is deep, however many paths there are."""

from typing import NamedTuple

import msgspec

from workers.discovery.finding import DiscoveryError


class Step(NamedTuple):
    """How far the walk is in one folder on the way from the start to where it is."""

    after: bytes
    """The subfolder that it is in; in the deepest folder, the name that it has dealt with last."""
    limit: bytes | None
    """From this name on, the subfolders have been left to other walkers."""


class Place(msgspec.Struct, array_like=True):
    """Where a recursive walk stands."""

    start: int
    """Index of the starting path."""
    starts: int
    """How many starting paths it does itself; those from here on have been left to other walkers."""
    trail: list[tuple[bytes, bytes | None]]
    """A Step for every folder from the start down; empty: the start has not been entered."""
    listing: bool
    """The deepest folder: are its names being reported (True), or is it subfolders that are done up to ``after``?"""
    refused: str = ""
    """Why the first of the starting paths that could not be walked could not."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Place)


def encode(place: Place) -> bytes:
    """The place as a cursor."""
    return _encoder.encode(place)


def decode(cursor: bytes) -> Place:
    """The place again; DiscoveryError when the cursor is of another kind."""
    try:
        return _decoder.decode(cursor)
    except msgspec.DecodeError as error:
        raise DiscoveryError(f"the cursor is not one of a recursive walk: {error}") from error
