import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workers import openat2
from workers.roots import OutsideRoots, Root, Roots


@pytest.fixture(params=["openat2", "descent"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds with the kernel's call and without it."""
    if request.param == "openat2":
        if not openat2.AVAILABLE:
            pytest.skip("this kernel has no openat2")
    else:
        monkeypatch.setattr(openat2, "AVAILABLE", False)


@pytest.fixture
def top(tmp_path: Path) -> bytes:
    """A folder with a root (``in``), a secret beside it, and links of every kind in the root."""
    top = os.fsencode(tmp_path)
    os.makedirs(top + b"/in/a/b")
    os.makedirs(top + b"/in-not")
    for name in (b"/in/f", b"/in/a/f", b"/secret", b"/in-not/f"):
        Path(os.fsdecode(top + name)).write_bytes(name)
    for name, target in {
        b"up": b"../secret",
        b"absolute-out": top + b"/secret",
        b"absolute-in": top + b"/in/a/f",
        b"relative-in": b"a/b/../f",
        b"folder-out": b"..",
        b"loop": b"loop",
        b"dangling-out": top + b"/new",
        b"dangling-in": b"a/new",
        b"via": b"absolute-in",
        b"magic": b"/proc/self/root",
    }.items():
        os.symlink(target, top + b"/in/" + name)
    return top


@pytest.fixture
def roots(top: bytes) -> Roots:
    return Roots([Root(top + b"/in")])


def content(roots: Roots, path: bytes) -> bytes:
    fd = roots.open(path)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Nothing that was opened is left open."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    # Others of this process may close theirs meanwhile.
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.usefixtures("descriptors")
@pytest.mark.parametrize(
    ("path", "found"),
    [
        (b"/in/f", b"/in/f"),
        (b"/in//a/./f", b"/in/a/f"),
        (b"/in/a/b/../f", b"/in/a/f"),
        (b"/in/a/b/../../f", b"/in/f"),
        (b"/in/absolute-in", b"/in/a/f"),
        (b"/in/relative-in", b"/in/a/f"),
        (b"/in/via", b"/in/a/f"),
    ],
)
def test_inside(roots: Roots, top: bytes, path: bytes, found: bytes) -> None:
    assert content(roots, top + path) == found
    assert roots.contains(top + path)


@pytest.mark.usefixtures("descriptors")
@pytest.mark.parametrize(
    "path",
    [
        b"/secret",
        b"/in/../secret",
        b"/in/a/../../secret",
        b"/in/up",
        b"/in/absolute-out",
        b"/in/folder-out/secret",
        b"/in/a/../folder-out/secret",
        b"/in-not/f",
        b"/in/../in-not/f",
    ],
)
def test_outside(roots: Roots, top: bytes, path: bytes) -> None:
    with pytest.raises(OutsideRoots) as raised:
        roots.open(top + path)
    assert os.fsdecode(top + path) in str(raised.value)
    assert os.fsdecode(top + b"/in") in str(raised.value)


@pytest.mark.usefixtures("descriptors")
def test_what_is_no_path_of_a_site(roots: Roots, top: bytes) -> None:
    for path in (b"", b"in/f", b"s3://bucket/key", b"/", b"/..", top + b"/in/f\0../secret"):
        with pytest.raises(OutsideRoots):
            roots.open(path)
        assert not roots.contains(path)


def test_links_of_proc_lead_nowhere(roots: Roots, top: bytes) -> None:
    with pytest.raises(OSError, match=r"outside|loop|symbolic"):
        roots.open(top + b"/in/magic/etc/passwd")


def test_errors_are_those_of_open(roots: Roots, top: bytes) -> None:
    for path, number in {
        b"/in/none": errno.ENOENT,
        b"/in/none/x": errno.ENOENT,
        b"/in/f/x": errno.ENOTDIR,
        b"/in/loop": errno.ELOOP,
        b"/in/" + b"n" * 256: errno.ENAMETOOLONG,
    }.items():
        with pytest.raises(OSError, match=os.strerror(number)) as raised:
            roots.open(top + path)
        assert raised.value.errno == number
    assert roots.contains(top + b"/in/none")
    assert not roots.contains(top + b"/in/none/../../secret")


def test_a_link_as_itself(roots: Roots, top: bytes) -> None:
    assert roots.readlink(top + b"/in/absolute-out") == top + b"/secret"
    assert roots.lstat(top + b"/in/up").st_size == len(b"../secret")
    assert roots.stat(top + b"/in/via").st_size == len(b"/in/a/f")
    with pytest.raises(OSError, match="not a link"):
        roots.readlink(top + b"/in/f")


def test_nothing_is_made_through_a_link_that_leads_out(roots: Roots, top: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT
    for path in (b"/in/dangling-out", b"/in/folder-out/new", b"/in/../new"):
        with pytest.raises(OutsideRoots):
            roots.open(top + path, flags)
    assert not os.path.exists(top + b"/new")
    os.close(roots.open(top + b"/in/dangling-in", flags, 0o600))
    assert os.stat(top + b"/in/a/new").st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("descriptors")
def test_folders_are_made(roots: Roots, top: bytes) -> None:
    with roots.folder(top + b"/in/x/y/z", make=True) as folder:
        os.close(os.open(b"f", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    assert os.path.exists(top + b"/in/x/y/z/f")
    with pytest.raises(OutsideRoots), roots.folder(top + b"/in/folder-out/x", make=True):
        pass
    with pytest.raises(NotADirectoryError), roots.folder(top + b"/in/f/x", make=True):
        pass
    assert not os.path.exists(top + b"/x")


@pytest.mark.usefixtures("descriptors")
def test_scan(roots: Roots, top: bytes) -> None:
    with roots.scan(top + b"/in/a") as entries:
        seen = {os.fsencode(entry.name): entry.stat(follow_symlinks=False).st_size for entry in entries}
    assert seen.keys() == {b"b", b"f"}
    assert seen[b"f"] == len(b"/in/a/f")
    os.symlink(b"a", top + b"/in/link")
    with roots.scan(top + b"/in/link") as entries:
        assert len(list(entries)) == 2
    with pytest.raises(NotADirectoryError), roots.scan(top + b"/in/link", follow=False):
        pass
    with pytest.raises(OutsideRoots), roots.scan(top + b"/in/folder-out"):
        pass


def test_names_of_any_bytes(roots: Roots, top: bytes) -> None:
    for name in (b"\xff\xfe", b"new\nline", b"'\"", b" ", b"-rf", b"n" * 255, "\N{PILE OF POO}".encode()):
        os.close(roots.open(top + b"/in/" + name, os.O_CREAT | os.O_WRONLY))
        assert os.path.exists(top + b"/in/" + name)
        assert content(roots, top + b"/in/" + name) == b""


@pytest.mark.usefixtures("descriptors")
def test_paths_longer_than_the_kernel_takes(roots: Roots, top: bytes) -> None:
    deep = top + b"/in" + (b"/" + b"d" * 200) * 40
    with roots.folder(deep, make=True) as folder:
        os.close(os.open(b"f", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    with pytest.raises(OSError, match="too long"):
        os.stat(deep)
    assert roots.stat(deep + b"/f").st_size == 0
    with roots.scan(deep) as entries:
        assert [entry.name for entry in entries] == ["f"]
    with pytest.raises(OutsideRoots):
        roots.open(deep + b"/.." * 41 + b"/secret")


def test_read_only(top: bytes) -> None:
    roots = Roots([Root(top + b"/in", read_only=True), Root(top + b"/in/a/b")])
    assert content(roots, top + b"/in/f") == b"/in/f"
    flags = os.O_WRONLY | os.O_CREAT
    for path in (b"/in/f", b"/in/new", b"/in/a/b/../new", b"/in/a/b/up"):
        os.symlink(b"../f", top + b"/in/a/b/up") if not os.path.lexists(top + b"/in/a/b/up") else None
        with pytest.raises(OutsideRoots, match="read only"):
            roots.open(top + path, flags)
    with pytest.raises(OutsideRoots, match="read only"), roots.folder(top + b"/in/x", make=True):
        pass
    os.close(roots.open(top + b"/in/a/b/new", flags))
    assert content(roots, top + b"/in/a/b/../f") == b"/in/a/f"


def test_a_read_only_root_in_one_that_is_not(top: bytes) -> None:
    roots = Roots([Root(top + b"/in"), Root(top + b"/in/a", read_only=True)])
    os.symlink(b"a/f", top + b"/in/to-a")
    os.symlink(b"a", top + b"/in/folder-a")
    for path in (b"/in/a/f", b"/in/b/../a/f", b"/in/./a/f", b"/in/to-a", b"/in/folder-a/f", b"/in/folder-a/new"):
        os.makedirs(top + b"/in/b", exist_ok=True)
        with pytest.raises(OutsideRoots, match="read only"):
            roots.open(top + path, os.O_WRONLY | os.O_CREAT)
    os.close(roots.open(top + b"/in/f", os.O_WRONLY))


def test_from_one_root_into_another(top: bytes) -> None:
    roots = Roots([Root(top + b"/in"), Root(top + b"/in-not")])
    os.symlink(top + b"/in-not/f", top + b"/in/over")
    os.symlink(b"../in-not", top + b"/in/over-there")
    assert content(roots, top + b"/in/over") == b"/in-not/f"
    assert content(roots, top + b"/in/over-there/f") == b"/in-not/f"
    with pytest.raises(OutsideRoots):
        roots.open(top + b"/in/over-there/../secret")


def test_a_root_that_is_a_link(top: bytes) -> None:
    os.symlink(b"in", top + b"/known-as")
    roots = Roots([Root(top + b"/known-as")])
    for path in (b"/known-as/f", b"/in/f", b"/known-as/absolute-in", b"/known-as/a/../f"):
        assert content(roots, top + path)
    with pytest.raises(OutsideRoots):
        roots.open(top + b"/known-as/up")


def test_no_roots_at_all(top: bytes) -> None:
    with pytest.raises(OutsideRoots, match="it has none"):
        Roots([]).open(top + b"/in/f")


def test_the_whole_file_system(top: bytes) -> None:
    assert content(Roots([Root(b"/")]), top + b"/in/up") == b"/secret"


def test_no_race_leads_out(roots: Roots, top: bytes) -> None:
    """A folder that is swapped for a link out and back, all the time, while it is read and written through."""
    os.makedirs(top + b"/out")
    Path(os.fsdecode(top + b"/out/f")).write_bytes(b"secret")
    os.makedirs(top + b"/in/swap")
    Path(os.fsdecode(top + b"/in/swap/f")).write_bytes(b"open")
    os.symlink(top + b"/out", top + b"/in/bad")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for one, two in ((b"swap", b"spare"), (b"bad", b"swap"), (b"swap", b"bad"), (b"spare", b"swap")):
                os.rename(top + b"/in/" + one, top + b"/in/" + two)

    thread = threading.Thread(target=swap)
    thread.start()
    seen, refused = set[bytes](), 0
    try:
        for number in range(3000):
            try:
                seen.add(content(roots, top + b"/in/swap/f"))
                os.close(roots.open(top + b"/in/swap/new%d" % number, os.O_WRONLY | os.O_CREAT))
            except OutsideRoots:
                refused += 1
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.EAGAIN):
                    raise
    finally:
        over.set()
        thread.join()
    assert seen == {b"open"}
    assert refused
    assert os.listdir(top + b"/out") == [b"f"]


def test_contains_says_what_open_does(roots: Roots, top: bytes) -> None:
    inside: Callable[[bytes], bool] = lambda path: roots.contains(top + path)  # noqa: E731
    assert inside(b"/in")
    assert inside(b"/in/up")  # the link itself is inside, what it points to is not
    assert not inside(b"/in/up/x")
