"""Listing what is in a store, as a walk reports it."""

import os
from collections.abc import Callable, Iterator

from workers.discovery.finding import DiscoveryError, Finding, Listing
from workers.discovery.start import Missing
from workers.outside import OutsideRoots
from workers.stores import Entry, StoreMissing, Stores

Cursor = Callable[[bytes], bytes]
"""The cursor behind an object."""


def objects(stores: Stores, path: bytes, after: bytes, cursor: Cursor, base: bytes) -> Iterator[Finding]:
    """The objects below a URL, after one of them; errors as ``listed`` has them."""
    for page in listed(stores, path, after):
        yield _listing(page, cursor, base or _base(path, page))


def listed(stores: Stores, path: bytes, after: bytes) -> Iterator[list[Entry]]:
    """The objects below a URL, after one of them, page by page.

    DiscoveryError says in words why they can not be listed; Missing, that there is nothing.
    """
    shown = os.fsdecode(path)
    try:
        yield from stores.list(path, after)
    except FileNotFoundError:
        raise Missing(f"{shown}: there is nothing there") from None
    except (OutsideRoots, StoreMissing) as error:
        raise DiscoveryError(f"{shown}: {error.strerror or error}") from None
    except Exception as error:  # every protocol's library has errors of its own
        raise DiscoveryError(f"{shown}: can not be listed: {type(error).__name__}: {error}") from error


def _base(path: bytes, page: list[Entry]) -> bytes:
    """The URL itself; where that is an object, what it is in."""
    folder = path.rstrip(b"/")
    return folder.rpartition(b"/")[0] if page[0].path == folder else folder


def _listing(page: list[Entry], cursor: Cursor, base: bytes) -> Listing:
    names = [entry.path for entry in page]
    kinds = "".join(entry.kind for entry in page)
    return Listing(names, kinds, lambda n: cursor(names[n - 1]), sizes=[entry.size for entry in page], base=base)
