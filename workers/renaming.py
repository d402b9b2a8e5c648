"""Giving a file its name where nothing has that name yet, in one step (renameat2, Linux 3.15), which Python lacks."""

import ctypes
import errno
import os
import stat

_NOREPLACE = 1
_NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_CAN_NOT_LINK = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def rename_new(old: bytes, new: bytes, *, from_folder: int, to_folder: int) -> None:
    """Rename, and raise FileExistsError where something has the new name; OSError as ``rename`` does.

    Where the file system can not do that, a link does it in two steps, and where it can not link either, something that
    comes by at the very moment is replaced.
    """
    try:
        _without_replacing(old, new, from_folder, to_folder)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    else:
        return
    if not stat.S_ISDIR(os.stat(old, dir_fd=from_folder, follow_symlinks=False).st_mode):
        try:
            os.link(old, new, src_dir_fd=from_folder, dst_dir_fd=to_folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _CAN_NOT_LINK:
                raise
        else:
            os.unlink(old, dir_fd=from_folder)
            return
    if is_there(new, to_folder):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(old, new, src_dir_fd=from_folder, dst_dir_fd=to_folder)


def is_there(name: bytes, folder: int) -> os.stat_result | None:
    """What has this name in a folder, a link as itself; None when nothing has."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _without_replacing(old: bytes, new: bytes, from_folder: int, to_folder: int) -> None:
    if _renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _renameat2(from_folder, old, to_folder, new, _NOREPLACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
