"""Keep programs running: start them, start again what dies, stop them in order, leave none behind."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import IO

from orchestrator.errors import Unreachable
from orchestrator.stack.interrupts import Asked, Interrupts
from orchestrator.stack.lifeline import marked, send, watcher
from orchestrator.stack.private import write_private
from orchestrator.stack.program import Program, launch, open_log, rotate, tail

ASK_SECONDS = 0.1
"""From one question whether everything answers to the next."""
LOOK_SECONDS = 2.0
"""From one look at logs to the next; that a program has died is seen at once."""
SETTLED_SECONDS = 10.0
"""Who has run for that long did not die of its own start."""
FIRST_DELAY, LONGEST_DELAY = 0.2, 15.0
"""Seconds before a program is started again; doubled each time it dies of its start."""
DEATHS_AT_START = 3
"""So often a program may die before it has ever answered; then it is no use to go on."""
KILL_AFTER = 2.0
"""Seconds between the last friendly signal and SIGKILL."""


@dataclass(slots=True)
class _Run:
    program: Program
    process: subprocess.Popen[bytes]
    began: float
    delay: float = FIRST_DELAY
    deaths: int = 0
    due: float | None = None
    """When it is started again; None while it runs."""


class Supervisor:
    """The programs of the stack in one home, from one thread; the pids are in ``<home>/processes.json``."""

    def __init__(self, home: Path, lock: IO[str], interrupts: Interrupts, say: Callable[[str], None]) -> None:
        self._home, self._lock, self._interrupts, self._say = home, lock, interrupts, say
        self._mark = str(home.resolve())
        self._runs: dict[str, _Run] = {}
        self._watcher = self._start_watcher()
        self._write_pids()

    def start(self, program: Program) -> None:
        """Start it, and keep it running from now on."""
        self._runs[program.name] = _Run(program, launch(program, self._mark), time.monotonic())
        self._write_pids()

    def tick(self) -> None:
        """Start again what has died, each at its time; keep the logs and the life-line in order."""
        now = time.monotonic()
        for run in self._runs.values():
            if run.due is None and run.process.poll() is not None:
                self._note_death(run, now)
            if run.due is not None and now >= run.due:
                run.process, run.began, run.due = launch(run.program, self._mark), now, None
                self._write_pids()
            rotate(run.program.log)
        if self._watcher.poll() is not None:
            self._watcher = self._start_watcher()

    def until_answered(self, silent: Callable[[], Sequence[str]], seconds: float) -> None:
        """Tick until nobody is silent any more.

        Asked when a signal comes first; Unreachable when the time is over, or when a program dies again and again.
        """
        deadline = time.monotonic() + seconds
        while names := silent():
            if self._interrupts.asked:
                raise Asked
            self.tick()
            for run in self._runs.values():
                if run.deaths >= DEATHS_AT_START:
                    raise Unreachable(f"{run.program.name} does not start: {tail(run.program.log)}")
            if time.monotonic() > deadline:
                raise Unreachable(f"no answer in {seconds:.0f} s from {', '.join(names)}; see {self._home / 'logs'}")
            self._interrupts.pause(ASK_SECONDS)

    def run(self) -> None:
        """Tick until asked to stop."""
        while not self._interrupts.asked:
            self.tick()
            starts = [run.due for run in self._runs.values() if run.due is not None]
            next_start = min(starts, default=math.inf) - time.monotonic()
            self._interrupts.pause(min(max(next_start, 0.0), LOOK_SECONDS))

    def stop(self, order: Sequence[Callable[[str], bool]]) -> None:
        """Stop those whose names the first test holds for, together; then those of the second, and so on; then all."""
        rest: Callable[[str], bool] = lambda name: name in self._runs  # noqa: E731 - with the type it needs
        for chosen in (*order, rest):
            together = [run for name, run in self._runs.items() if chosen(name)]
            self._stop_together(together)
            for run in together:
                del self._runs[run.program.name]
            self._write_pids()
        if self._watcher.stdin:
            self._watcher.stdin.close()
        self._watcher.wait()

    def _stop_together(self, runs: Sequence[_Run]) -> None:
        began = time.monotonic()
        for run in runs:
            run.process.send_signal(run.program.end)
        waiting = {run.program.name: run for run in runs}
        pressed: dict[str, float] = {}
        while waiting:
            now = time.monotonic()
            for name, run in list(waiting.items()):
                if run.process.poll() is not None:
                    send(SIGKILL, marked(self._mark, name))
                    del waiting[name]
                elif name in pressed and now > pressed[name] + KILL_AFTER:
                    run.process.kill()
                elif name not in pressed and (self._interrupts.hurried or now > began + run.program.patience):
                    run.process.send_signal(run.program.hurry)
                    pressed[name] = now
            self._interrupts.pause(0.02)

    def _note_death(self, run: _Run, now: float) -> None:
        name, code = run.program.name, run.process.returncode
        # What it leaves behind belongs to nobody: a pool without its parent answers to no one.
        send(SIGKILL, marked(self._mark, name))
        settled = now - run.began > SETTLED_SECONDS
        run.deaths = 1 if settled else run.deaths + 1
        run.delay = FIRST_DELAY if settled else min(run.delay * 2, LONGEST_DELAY)
        run.due = now + run.delay
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._say(f"{name} {how}; it is started again in {run.delay:.1f} s")
        self._write_pids()

    def _start_watcher(self) -> subprocess.Popen[bytes]:
        """The other end of the life-line; it has the home's lock too, so that nobody comes in before all is clear."""
        with open_log(self._home / "logs" / "lifeline.log") as log:
            return subprocess.Popen(
                watcher(self._mark),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                pass_fds=[self._lock.fileno()],
                start_new_session=True,
            )

    def _write_pids(self) -> None:
        pids = {name: run.process.pid for name, run in self._runs.items() if run.due is None}
        write_private(self._home / "processes.json", json.dumps(pids, indent=2) + "\n")
