"""Trees to walk, and walking them without a hub."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from orchestrator.contracts.paths import PathList
from workers.discovery.finding import DiscoveryContext, Finding, Found, Listing, Share, Trouble
from workers.discovery.recursive import recursive
from workers.roots import Root, Roots

Tree = dict[bytes, "Tree | None"]
"""Name -> what is in that folder; None is a file."""


def build(folder: bytes, tree: Tree) -> None:
    """Make the tree inside a folder that exists; works deeper than PATH_MAX."""
    fd = os.open(folder, os.O_RDONLY)
    _build(fd, tree)
    os.close(fd)


def _build(fd: int, tree: Tree) -> None:
    for name, inside in tree.items():
        if inside is None:
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=fd))
            continue
        os.mkdir(name, dir_fd=fd)
        below = os.open(name, os.O_RDONLY, dir_fd=fd)
        _build(below, inside)
        os.close(below)


def content(base: bytes, tree: Tree) -> Iterator[tuple[bytes, str]]:
    """Every path of a tree that was built in base, with its kind: what a walk has to find."""
    for name, inside in tree.items():
        yield base + b"/" + name, "f" if inside is None else "d"
        if inside is not None:
            yield from content(base + b"/" + name, inside)


def on_disk(folder: bytes) -> dict[bytes, str]:
    """What is below a folder according to os.walk and lstat: not our code."""
    found: dict[bytes, str] = {}
    for above, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(above, name)
            mode = os.lstat(path).st_mode
            kinds = [(stat.S_ISREG, "f"), (stat.S_ISDIR, "d"), (stat.S_ISLNK, "l")]
            found[path] = next((kind for is_kind, kind in kinds if is_kind(mode)), "o")
    return found


@dataclass
class Walked:
    """What a walk has found."""

    paths: list[tuple[bytes, str]] = field(default_factory=list[tuple[bytes, str]])
    troubles: list[tuple[bytes, str, str]] = field(default_factory=list[tuple[bytes, str, str]])
    shared: list[PathList] = field(default_factory=list[PathList])
    bases: set[bytes] = field(default_factory=set[bytes])
    cursors: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    """Every cursor there was, with how many paths were found before it."""

    @property
    def names(self) -> list[bytes]:
        return [path for path, _ in self.paths]


def context(*roots: bytes) -> DiscoveryContext:
    return DiscoveryContext(Roots([Root(root) for root in roots]))


def walked(
    ctx: DiscoveryContext,
    *start: bytes,
    base: bytes = b"",
    cursor: bytes | None = None,
    before: Callable[[Finding, Walked], bool | None] = lambda finding, so_far: None,
    skip_missing: bool = False,
) -> Walked:
    """Walk, and take down all there is. ``before`` sees each finding when it comes; True ends the walk there."""
    so_far = Walked()
    findings = recursive(ctx, PathList(list(start), base=base), cursor, skip_missing=skip_missing)
    for finding in findings:
        take_down(finding, so_far)
        if before(finding, so_far):
            break
    return so_far


def take_down(finding: Finding, so_far: Walked) -> None:
    if isinstance(finding, Listing):
        so_far.bases.add(finding.base)
        for number, (name, kind) in enumerate(zip(finding.names, finding.kinds, strict=True), 1):
            so_far.paths.append((finding.folder + name, kind))
            so_far.cursors.append((finding.cursor(number), len(so_far.paths)))
    elif isinstance(finding, Found):
        so_far.bases.add(finding.base)
        so_far.paths.append((finding.path, finding.kind))
        so_far.cursors.append((finding.cursor, len(so_far.paths)))
    elif isinstance(finding, Trouble):
        so_far.troubles.append((finding.path, finding.message, finding.error_class))
        so_far.cursors.append((finding.cursor, len(so_far.paths)))
    elif isinstance(finding, Share):
        so_far.shared += finding.parts
        so_far.cursors.append((finding.cursor, len(so_far.paths)))
