"""Running a program to its end, or to that of its time: with no shell, no terminal, and nothing of ours but a path."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, NamedTuple

from workers.context import Context
from workers.lifeline import end_with_parent

_LOOK_SECONDS = 0.1
_GRACE_SECONDS = 2.0
"""Between asking it to end, and ending it."""
_AT_ONCE = 64 * 1024


class Ran(NamedTuple):
    """How a run ended."""

    code: int | None
    """Exit code, minus the signal, or None: its time was over."""
    stdout: str
    stderr: str


def run_program(ctx: Context, command: Sequence[bytes], seconds: float | None, output_bytes: int) -> Ran:
    """Run a program; the end of each of its outputs, of so many bytes, is kept.

    Whatever it has started ends with it. Raises Stopped when the job is being cancelled, OSError when it can not begin.
    """
    parent = os.getpid()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=_environment(ctx),
        start_new_session=True,
        # It must not outlive a worker that is killed; what it calls is one system call.
        preexec_fn=lambda: end_with_parent(parent, signal.SIGKILL),  # noqa: PLW1509
    )
    try:
        outputs = _Outputs([pipe for pipe in (process.stdout, process.stderr) if pipe], output_bytes)
        late = _wait(ctx, process, outputs, None if seconds is None else time.monotonic() + seconds)
        return Ran(None if late else process.returncode, *outputs.texts())
    finally:
        _end(process)


class _Outputs:
    """The ends of what is written to some pipes."""

    def __init__(self, pipes: Sequence[IO[bytes]], length: int) -> None:
        self._pipes, self._length = pipes, length
        self._kept = {pipe.fileno(): b"" for pipe in pipes}
        self._selector = selectors.DefaultSelector()
        for pipe in pipes:
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ)

    def read(self, patience: float) -> bool:
        """Take what is there; whether there was anything, within so many seconds."""
        if not self._selector.get_map():
            time.sleep(patience)
            return False
        ready = self._selector.select(patience)
        for key, _ in ready:
            with suppress(BlockingIOError):
                some = os.read(key.fd, _AT_ONCE)
                self._kept[key.fd] = (self._kept[key.fd] + some)[-max(self._length, 1) :]
                if not some:
                    self._selector.unregister(key.fileobj)
        return bool(ready)

    def texts(self) -> tuple[str, str]:
        """What was kept of both, as text of that many bytes at most."""
        first, second = (self._text(self._kept[pipe.fileno()]) for pipe in self._pipes)
        return first, second

    def _text(self, kept: bytes) -> str:
        if not self._length:
            return ""
        text = kept.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}").encode()
        return text[-self._length :].decode(errors="ignore")


def _wait(ctx: Context, process: subprocess.Popen[bytes], outputs: _Outputs, until: float | None) -> bool:
    """Read until it has ended; whether its time was over before."""
    while process.poll() is None:
        ctx.stop_if_cancelled()
        if until is not None and time.monotonic() >= until:
            return True
        outputs.read(_LOOK_SECONDS)
    # What it wrote last; not what others write that it has left behind.
    end = time.monotonic() + _LOOK_SECONDS
    while time.monotonic() < end and outputs.read(0):
        pass
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it, and all that is left of its group."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_SECONDS)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _environment(ctx: Context) -> dict[str, str]:
    """The worker's own has what is nobody's business: addresses and keys."""
    allowed = ctx.allowed.shell
    told = {"JOB": ctx.job, "TASK": ctx.task, "STEP": ctx.step, "ATTEMPT": ctx.attempt, "SITE": ctx.site}
    return {
        "PATH": allowed.path,
        "LANG": "C.UTF-8",
        **{f"ORCHESTRATOR_{name}": str(value) for name, value in told.items()},
        **allowed.environment,
    }
