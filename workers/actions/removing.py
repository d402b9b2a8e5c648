"""Taking files and folders away, by name in a folder that may be written to, and never what a link points to."""

import errno
import os
import stat
from collections.abc import Iterator

from workers.context import Context
from workers.renaming import is_there
from workers.roots import Roots

_MOST_PASSES = 5
_KEPT = (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY)


def remove_file(roots: Roots, path: bytes, was: os.stat_result | None = None) -> bool:
    """Remove a file or a link; False when it was gone. With ``was``, RuntimeError when it is another file by now."""
    folder_name, name = os.path.split(path)
    with roots.folder(folder_name, write=True) as folder:
        there = is_there(name, folder)
        if there is None:
            return False
        if was is not None and not (os.path.samestat(was, there) and was.st_mtime_ns == there.st_mtime_ns):
            raise RuntimeError("it was replaced by another while it was being moved")
        os.unlink(name, dir_fd=folder)
    return True


def remove_empty(roots: Roots, path: bytes) -> bool:
    """Remove a folder if nothing is in it; False when it has to stay, or is gone."""
    _refuse_root(roots, path)
    folder_name, name = os.path.split(path)
    try:
        with roots.folder(folder_name, write=True) as folder:
            os.rmdir(name, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno in _KEPT:
            return False
        raise
    return True


def remove_tree(ctx: Context, path: bytes) -> None:
    """Remove a folder and everything below it, but not what is mounted there, nor other roots of the site."""
    _refuse_root(ctx.roots, path)
    device = ctx.roots.lstat(path).st_dev
    waiting = [(path, 0)]
    while waiting:
        ctx.stop_if_cancelled()
        folder, cleared = waiting.pop()
        if cleared and (remove_empty(ctx.roots, folder) or not is_folder(ctx.roots, folder)):
            continue
        # A folder that changes while it is read may not tell of all that is in it.
        if cleared > _MOST_PASSES:
            raise OSError(errno.ENOTEMPTY, "things keep coming into it while it is being deleted")
        if ctx.roots.lstat(folder).st_dev != device:
            raise OSError(errno.EXDEV, "another file system is mounted in it")
        waiting.append((folder, cleared + 1))
        waiting += [(below, 0) for below in _clear(ctx, folder)]


def _clear(ctx: Context, folder: bytes) -> Iterator[bytes]:
    """Remove all but the folders, and tell these."""
    with ctx.roots.scan(folder, follow=False) as entries, ctx.roots.folder(folder, write=True) as within:
        for entry in entries:
            name = os.fsencode(entry.name)
            if entry.is_dir(follow_symlinks=False):
                yield os.path.join(folder, name)
            else:
                os.unlink(name, dir_fd=within)
                ctx.stop_if_cancelled()


def is_folder(roots: Roots, path: bytes) -> bool:
    """Whether a folder is there; a link to one is none."""
    try:
        return stat.S_ISDIR(roots.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _refuse_root(roots: Roots, path: bytes) -> None:
    own = os.path.normpath(path)
    for root in roots.roots:
        for name in {os.path.normpath(root.path), os.path.realpath(root.path)}:
            if name == own or name.startswith(own.rstrip(b"/") + b"/"):
                raise PermissionError(errno.EACCES, "a root of this site is not deleted, nor what one lies in")
