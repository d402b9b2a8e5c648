"""One PostgreSQL for all processes of a test run, gone with the last of them, however that ended.

Each process holds a shared lock on a file, which the kernel takes away with the process. The keeper (this file, run as
a program) starts the server, and waits for the lock to be its alone: then nobody is left, and it stops and tidies up.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.stack.postgres import prepare_postgres
from orchestrator.stack.program import launch, tail
from orchestrator.stack.wait import wait_until
from orchestrator.storage.migrate import migrate

TEMPLATE = "migrated"
"""The database that every test's own is a copy of."""

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}


@contextmanager
def joined(folder: Path) -> Generator[str]:
    """Use the run's server, starting it when nobody has; gives the address of a database on it to work from."""
    folder.mkdir(mode=0o711, exist_ok=True)
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (folder / "start").open("w") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            if not (folder / "url").exists():
                _start_keeper(folder)
        yield (folder / "url").read_text()


def _start_keeper(folder: Path) -> None:
    with (folder / "keeper.log").open("wb") as log:
        command = [sys.executable, "-m", "tests.shared_postgres", str(folder)]
        done = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=log, stderr=log, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the tests' PostgreSQL did not start: {tail(folder / 'keeper.log', 20)}")


def keep(folder: Path) -> None:
    """Go on in the background once the server is ready, and serve until nobody uses it."""
    ready, tell = os.pipe()
    if os.fork() != 0:
        os.close(tell)
        sys.exit(0 if os.read(ready, 1) else 1)
    os.setsid()
    postgres = prepare_postgres(folder, folder / "postgres.log", FAST)
    program = postgres.program()
    server = launch(program, str(folder))
    if not wait_until(lambda: server.poll() is not None or postgres.answers(), 30) or server.poll() is not None:
        sys.exit(f"PostgreSQL did not start: {tail(program.log, 20)}")
    migrate(postgres.url)
    (folder / "url").write_text(postgres.url)
    os.write(tell, b"!")
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        os.kill(server.pid, program.hurry)
        server.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
