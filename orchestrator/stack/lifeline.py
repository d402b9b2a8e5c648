"""The life-line: no process of the stack outlives it, however it dies.

Two ties, since each alone has a gap. The kernel ends every process that we start ourselves with its parent
(``PR_SET_PDEATHSIG``), but not what that process started in turn, such as the children of a Celery pool. So all of them
also carry a mark in their environment, which is inherited, and a watcher at the end of a pipe ends whatever still has
it when the pipe closes.

Run as a program by path, with the standard library only, so that it costs a few milliseconds a process.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

STACK, PART = "ORCHESTRATOR_STACK", "ORCHESTRATOR_PART"
"""The variables that mark a process: the home of the stack it belongs to, and the name of its program."""

GRACE_SECONDS = 4.0
"""What processes have to end by themselves once the stack is gone."""

_PR_SET_PDEATHSIG = 1


def tied(command: list[str], end: signal.Signals, user: tuple[int, int] | None = None) -> list[str]:
    """The command, so that it gets the signal when its parent dies, and runs as this (uid, gid) when one is given.

    The parent must start it from a thread that lives as long as it does: that is what the kernel watches.
    """
    uid, gid = user or (-1, -1)
    return [sys.executable, "-ISs", __file__, "tie", str(os.getpid()), str(int(end)), str(uid), str(gid), *command]


def watcher(home: str) -> list[str]:
    """The command of the watcher: when its standard input closes, what carries the mark of this home ends."""
    return [sys.executable, "-ISs", __file__, "watch", home]


def marks(home: str, part: str) -> dict[str, str]:
    """What a process of this program has in its environment, and all that come from it."""
    return {STACK: home, PART: part}


def marked(home: str, part: str | None = None) -> Iterator[int]:
    """The processes that carry the mark of this home, and of this program when one is named."""
    wanted = [f"{STACK}={home}"] if part is None else [f"{STACK}={home}", f"{PART}={part}"]
    return _processes(lambda process: {*map(os.fsencode, wanted)} <= {*(process / "environ").read_bytes().split(b"\0")})


def inside(folder: Path) -> Iterator[int]:
    """The processes whose working folder is this one: a database server's are in its data, whatever it calls itself."""
    wanted = str(folder.resolve())
    return _processes(lambda process: os.readlink(process / "cwd") == wanted)


def end_all(find: Callable[[], Iterator[int]], grace: float, first: signal.Signals = signal.SIGTERM) -> None:
    """Ask them to end, wait for at most ``grace`` seconds, then kill what is left, and what that left."""
    send(first, find())
    deadline = time.monotonic() + grace
    while any(find()):
        if time.monotonic() > deadline:
            send(signal.SIGKILL, find())
        time.sleep(0.05)


def send(number: signal.Signals, pids: Iterator[int]) -> None:
    """Signal each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def is_alive(pid: int) -> bool:
    """Whether it runs. A zombie has ended; only its parent can make it vanish."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return status.rpartition(b")")[2].split()[0] not in b"ZX"


def _processes(belongs: Callable[[Path], bool]) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                if belongs(process) and is_alive(int(process.name)):
                    yield int(process.name)
            except OSError:
                continue


def _tie(parent: str, number: str, uid: str, gid: str, *command: str) -> None:
    if int(uid) >= 0:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # After the change of user, which would cut the tie again.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != int(parent):
        sys.exit("the stack ended before this process began")
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execvp(command[0], command)  # noqa: S606 - to become that program is the purpose


def _watch(home: str) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    end_all(lambda: marked(home), GRACE_SECONDS)


if __name__ == "__main__":
    {"tie": _tie, "watch": _watch}[sys.argv[1]](*sys.argv[2:])
