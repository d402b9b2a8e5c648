"""Running another program for a task: a list of arguments, never a shell; bounded; ended with all it has started."""

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO

from workers.leftovers import marks
from workers.lifeline import end_with_parent
from workers.time_limit import unbroken

OUTPUT_BYTES = 1024 * 1024
"""Kept of each output: its end."""
GRACE_SECONDS = 2.0
"""From asking it to end to ending it."""
_LOOK_SECONDS = 0.1
_AT_ONCE = 64 * 1024
_OURS = ("ORCHESTRATOR_", "CELERY_")
"""Variables of the worker's own, with addresses and keys in them, begin so."""
_KEPT = ("ORCHESTRATOR_STACK", "ORCHESTRATOR_PART")
"""By these a stack finds what is left of it."""

Argument = str | bytes | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended."""

    code: int
    """Its exit code, or minus the signal that ended it."""
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """What it wrote to standard output; U+FFFD for what is no UTF-8."""
        return self.stdout.decode(errors="replace")


class CommandFailed(Exception):
    """A program ended with something else than 0; ``ran`` has what it wrote."""

    def __init__(self, message: str, ran: Ran) -> None:
        super().__init__(message)
        self.ran = ran


class CommandTimeout(CommandFailed):
    """Its time was over, and it was ended."""


def run(
    command: Sequence[Argument],
    *,
    timeout: float | None = None,
    check: bool = True,
    input: bytes = b"",
    cwd: Argument = "/",
    env: Mapping[str, str] | None = None,
    inherit: bool = True,
    output_bytes: int = OUTPUT_BYTES,
    pause: Callable[[], None] = lambda: None,
) -> Ran:
    """Run a program to its end; ``timeout`` is in seconds, ``env`` is set beside the worker's own variables.

    Without ``inherit`` it has ``env`` alone. ``pause`` is called ten times a second: what it raises ends the program.
    CommandFailed with ``check`` for an exit code that is not 0, CommandTimeout when the time is over, OSError when it
    can not begin.
    """
    if isinstance(command, str | bytes) or not command:
        raise TypeError("a command is a list of arguments, the program first; it is never given to a shell")
    with ExitStack() as ending:
        # A program whose start a time limit interrupts would be known to nobody, and ended by nobody.
        with unbroken():
            process = _start(command, input, cwd, {**_environment(inherit=inherit), **(env or {}), **marks()})
            outputs = _Outputs([pipe for pipe in (process.stdout, process.stderr) if pipe], output_bytes)
            ending.callback(_end, process, outputs)
        late = _wait(process, outputs, None if timeout is None else time.monotonic() + timeout, pause)
    ran = Ran(process.returncode, *outputs.kept)
    name = os.path.basename(os.fsdecode(command[0]))
    if late:
        raise CommandTimeout(f"{name} took longer than {timeout:g} s and was ended", ran)
    if check and ran.code:
        raise CommandFailed(f"{name} {_how(ran)}", ran)
    return ran


def _start(
    command: Sequence[Argument], given: bytes, cwd: Argument, env: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    with tempfile.TemporaryFile() as file:
        file.write(given)
        file.seek(0)
        return subprocess.Popen(
            [os.fspath(argument) for argument in command],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=env,
            start_new_session=True,
            # It must not outlive a worker that is killed; what it calls is one system call.
            preexec_fn=partial(end_with_parent, os.getpid(), signal.SIGKILL),  # noqa: PLW1509
        )


class _Outputs:
    """The ends of what is written to some pipes."""

    def __init__(self, pipes: Sequence[IO[bytes]], length: int) -> None:
        self._pipes, self._length = pipes, length
        self._kept = {pipe.fileno(): bytearray() for pipe in pipes}
        self._selector = selectors.DefaultSelector()
        for pipe in pipes:
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe.fileno(), selectors.EVENT_READ)

    def read(self, patience: float) -> bool:
        """Take what is there; whether there was anything, within so many seconds."""
        if not self._selector.get_map():
            time.sleep(patience)
            return False
        ready = self._selector.select(patience)
        for key, _ in ready:
            with suppress(BlockingIOError):
                some, kept = os.read(key.fd, _AT_ONCE), self._kept[key.fd]
                kept += some
                del kept[: max(0, len(kept) - self._length)]
                if not some:
                    self._selector.unregister(key.fd)
        return bool(ready)

    @property
    def kept(self) -> list[bytes]:
        """The end of each."""
        return [bytes(kept) for kept in self._kept.values()]

    def close(self) -> None:
        """Read no more."""
        self._selector.close()
        for pipe in self._pipes:
            pipe.close()


def _wait(
    process: "subprocess.Popen[bytes]", outputs: _Outputs, until: float | None, pause: Callable[[], None]
) -> bool:
    """Read until it has ended; whether its time was over before."""
    while process.poll() is None:
        pause()
        if until is not None and time.monotonic() >= until:
            return True
        outputs.read(_LOOK_SECONDS)
    # What it wrote last; not what others write that it has left behind.
    end = time.monotonic() + _LOOK_SECONDS
    while time.monotonic() < end and outputs.read(0):
        pass
    return False


def _end(process: "subprocess.Popen[bytes]", outputs: _Outputs) -> None:
    """End it, and all that is left of its group, in its own time whatever the time limit of the task says."""
    with unbroken():
        try:
            if process.poll() is None:
                _signal(process, signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(GRACE_SECONDS)
        finally:
            # Also when this process is told to end while it waits.
            _signal(process, signal.SIGKILL)
            process.wait()
            outputs.close()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _environment(*, inherit: bool) -> dict[str, str]:
    named = os.environ.items()
    return {name: value for name, value in named if name in _KEPT or (inherit and not name.startswith(_OURS))}


def _how(ran: Ran) -> str:
    """How it ended, with the last line of what it complained of."""
    how = f"ended with exit code {ran.code}" if ran.code >= 0 else f"was ended by signal {-ran.code}"
    lines = ran.stderr.decode(errors="replace").strip().splitlines()
    return f"{how}: {lines[-1]}" if lines else how
