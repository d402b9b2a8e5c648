"""What a process of a site may take: memory, CPU time, its place in the queue for the processor, and whose it is.

The kernel sees to all of it. Memory is what a handler's process may take beyond what it starts with: a handler that
wants more gets a ``MemoryError``, or dies of it. CPU time is counted anew for each task, and is the end of its process.
"""

import os
import pwd
import re
import resource
import signal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from orchestrator.contracts.names import Function
from orchestrator.contracts.report import Item, Started, TaskError
from orchestrator.domain.duration import seconds
from orchestrator.errors import ConfigError
from workers.lifeline import end_with_parent
from workers.reporter import Onward, Reporter

_UNITS = {"": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3, "kb": 1000, "mb": 1000**2, "gb": 1000**3}
_SIZE = re.compile(r"([0-9]+)\s*([kmg]i?b)?", re.IGNORECASE)
LEAST_MEMORY = 64 * 1024 * 1024
"""With less not even the threads of a handler's process find place."""


def size(said: object) -> int:
    """Bytes, from a number or a text such as ``"2 GiB"``; ValueError says what was expected."""
    if isinstance(said, int) and not isinstance(said, bool):
        return said
    if isinstance(said, str) and (found := _SIZE.fullmatch(said.strip())):
        return int(found[1]) * _UNITS[(found[2] or "").lower()]
    raise ValueError('has to be a number of bytes, or a text such as "512 MiB", "2 GiB"')


class Limits(BaseModel):
    """What each process of some pool may take; None: as much as the host gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    memory: Annotated[int, BeforeValidator(size), Field(ge=LEAST_MEMORY)] | None = None
    """Bytes, beyond what the process starts with."""
    cpu_time: Annotated[float, BeforeValidator(seconds), Field(ge=1)] | None = None
    """Seconds of one task, in its own process; every process that it starts may take as much again."""
    nice: Annotated[int, Field(ge=0, le=19, strict=True)] | None = None
    """How far it steps back for others; 0 to 19."""

    def take_effect(self) -> None:
        """Bind this process, and all that it starts."""
        if self.nice:
            os.setpriority(os.PRIO_PROCESS, 0, max(self.nice, os.getpriority(os.PRIO_PROCESS, 0)))
        if self.memory is not None:
            most = _data_bytes() + self.memory
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        if self.cpu_time is not None:
            # Nobody looks at what is left of a process that used up its time.
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def cause_of(self, code: int) -> TaskError | None:
        """What a task is blamed with whose process ended so (minus the signal), when a limit ended it."""
        if code == -signal.SIGXCPU and self.cpu_time is not None:
            return TaskError("CpuTimeExceeded", f"it used more than {self.cpu_time:g} s of CPU time, the limit here")
        return None

    def said(self) -> dict[str, Any]:
        """What is announced."""
        return self.model_dump(include={"memory", "cpu_time", "nice"}, exclude_none=True)


class SiteLimits(Limits):
    """The limits of a site: for all functions, and for one where it says otherwise."""

    user: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    """Whose the pools are, and all that handlers do; only root can choose another than itself."""
    discovery: Limits = Limits()
    worker: Limits = Limits()
    custom: Limits = Limits()
    interactive: Limits = Limits()

    def of(self, function: str) -> Limits:
        """What binds the processes of this function."""
        general = self.model_dump(include=set(Limits.model_fields))
        own = getattr(self, Function(function).value).model_dump(exclude_unset=True)
        return Limits.model_validate(general | own)


class Budget(Onward):
    """Passes on what is said, and gives every task that begins the CPU time of one."""

    def __init__(self, reporter: Reporter, cpu_time: float) -> None:
        super().__init__(reporter)
        self._seconds = cpu_time

    def send(self, item: Item) -> None:
        """Pass an item on."""
        if isinstance(item, Started):
            used = resource.getrusage(resource.RUSAGE_SELF)
            # The kernel counts whole seconds. The hard limit stays: it could never be raised again.
            until = int(used.ru_utime + used.ru_stime + self._seconds) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        super().send(item)


def out_of_memory() -> str:
    """What is said of a ``MemoryError``, in the process that got it."""
    most, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY:
        return "out of memory"
    return f"out of memory: a process of this pool may have {most // 1024**2} MiB"


def own(folder: Path, user: str) -> None:
    """Make a folder that is this user's, if it is not there and we may give it away."""
    if not folder.exists() and os.geteuid() == 0:
        folder.mkdir(mode=0o700, parents=True)
        os.chown(folder, _entry(user).pw_uid, _entry(user).pw_gid)


def become(user: str) -> None:
    """Be this user from here on, for good; ConfigError when that can not be."""
    whose = _entry(user)
    if os.geteuid() == whose.pw_uid:
        return
    if os.geteuid() != 0:
        raise ConfigError(f"limits.user: only root can run the pools as {user}; start it as root, or as that user")
    parent = os.getppid()
    os.initgroups(user, whose.pw_gid)
    os.setgid(whose.pw_gid)
    os.setuid(whose.pw_uid)
    os.environ.update(HOME=whose.pw_dir, USER=user, LOGNAME=user)
    # Changing users cuts the life-line.
    end_with_parent(parent, signal.SIGTERM)


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise ConfigError(f"limits.user: there is no user {user!r} on this host") from None


def _data_bytes() -> int:
    """What counts for RLIMIT_DATA already."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmData:"):
                return int(line.split()[1]) * 1024
    return 0
