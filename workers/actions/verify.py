"""``fs.verify``: is a file still what was noted of it, or what a file of digests says."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from orchestrator.contracts.paths import is_url
from workers.actions.digests import (
    ALGORITHMS,
    LONGEST_LINE,
    Algorithm,
    Digest,
    algorithm_named,
    digest_of,
    digests_in,
    is_sidecar,
)
from workers.actions.source import exists, open_bytes, open_source
from workers.actions.tree import counterpart
from workers.context import Context
from workers.path import Path
from workers.registry import action

_MOST_SHOWN = 3


@action("fs.verify")
def verify(
    ctx: Context,
    paths: list[Path],
    *,
    against: Annotated[
        Literal["noted", "sidecar"],
        Field(description="the digest that an earlier step noted, or a file beside such as scan.tif.sha256"),
    ] = "noted",
    manifest: Annotated[
        str | None,
        Field(
            min_length=1, description="a list to compare with instead, as of sha256sum; names are from its folder on"
        ),
    ] = None,
    algorithm: Annotated[
        Algorithm | None, Field(description="how the digests were computed, where that is not said with them")
    ] = None,
    mirror: Annotated[
        str | None, Field(min_length=1, description="a folder that mirrors the tree: what lies there is verified")
    ] = None,
) -> None:
    """Read every file and compare its digest; one that is another, or that nobody knows, is a failure."""
    listed = _listed(ctx, paths, os.fsencode(manifest), algorithm) if manifest else {}
    for path in ctx.each(paths):
        with ctx.outcome(path):
            if manifest and path.raw == os.fsencode(manifest):
                _check_complete(ctx, path, algorithm)
                continue
            source = "manifest" if manifest else against
            if source == "sidecar" and is_sidecar(ctx, path):
                ctx.skip(path, "is the digest of another file")
                continue
            expected = _expected(ctx, path, source, listed, algorithm)
            if expected is None:
                ctx.fail(path, _UNKNOWN[source], "NoDigest")
            else:
                _compare(ctx, path, expected, mirror)


_UNKNOWN = {
    "noted": "no digest was noted of it: fs.checksum does that",
    "sidecar": "there is no file of its digest beside it",
    "manifest": "the manifest does not name it",
}


def _compare(ctx: Context, path: Path, expected: Digest, mirror: str | None) -> None:
    file = open_source(ctx, path, counterpart(path, mirror) if mirror else None)
    if file is None:
        return
    with file:
        found = digest_of(ctx, file, expected.algorithm)
    if found != expected.hex:
        ctx.fail(path, f"its {expected.algorithm} is {found}, and should be {expected.hex}", "DigestMismatch")


def _expected(
    ctx: Context, path: Path, source: str, listed: Mapping[bytes, Digest], algorithm: Algorithm | None
) -> Digest | None:
    if source == "manifest":
        return listed.get(path.raw)
    if source == "sidecar":
        return _beside(ctx, path, algorithm)
    named, digest = path.notes.get("algorithm"), path.notes.get("digest")
    known: list[Algorithm] = [one for one in ALGORITHMS if one == named]
    return Digest(known[0], digest.lower()) if known and isinstance(digest, str) else None


def _beside(ctx: Context, path: Path, algorithm: Algorithm | None) -> Digest | None:
    tried: Sequence[Algorithm] = (algorithm,) if algorithm else ALGORITHMS
    for one in tried:
        try:
            file = open_bytes(ctx, path.raw + f".{one}".encode())
        except FileNotFoundError:
            continue
        with file:
            return next(digests_in([file.readline(LONGEST_LINE)], one), None)
    return None


def _listed(ctx: Context, paths: list[Path], manifest: bytes, algorithm: Algorithm | None) -> dict[bytes, Digest]:
    """What the manifest says of these paths."""
    wanted = {path.raw for path in paths}
    return {place: digest for place, digest in _read(ctx, manifest, algorithm) if place in wanted}


def _check_complete(ctx: Context, path: Path, algorithm: Algorithm | None) -> None:
    """The manifest itself: it is good when everything that it names is there."""
    missing: list[str] = []
    count = 0
    for place, digest in _read(ctx, path.raw, algorithm):
        if not exists(ctx, place):
            count += 1
            missing += [os.fsdecode(digest.name)] if count <= _MOST_SHOWN else []
    if count:
        more = f" and {count - len(missing)} more" if count > len(missing) else ""
        ctx.fail(path, f"what it names is not there: {', '.join(missing)}{more}", "Incomplete")


def _read(ctx: Context, manifest: bytes, algorithm: Algorithm | None) -> Iterator[tuple[bytes, Digest]]:
    """What a manifest names, and what it says of that, line by line: it may be as long as it likes."""
    with open_bytes(ctx, manifest) as file:
        lines = iter(lambda: file.readline(LONGEST_LINE + 1), b"")
        for digest in digests_in(lines, algorithm or algorithm_named(manifest)):
            ctx.stop_if_cancelled()
            yield _named(manifest, digest), digest


def _named(manifest: bytes, digest: Digest) -> bytes:
    if is_url(manifest):
        return manifest[: manifest.rfind(b"/") + 1] + digest.name.removeprefix(b"./")
    return os.path.normpath(os.path.join(os.path.dirname(manifest), digest.name))
