"""Going into the background, once it is sure that it went well."""

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.errors import OrchestratorError, Unreachable
from orchestrator.stack.program import open_log
from orchestrator.stack.say import Say, say


def detached(log: Path, serve: Callable[[Say, Callable[[], None]], int]) -> int:
    """Serve in the background; returns 0 when ``serve`` has called its second argument, and passes on what it says.

    Unreachable, with the reason, when it ends before that. The log has its output from then on, too.
    """
    reader, writer = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _become_background(log, writer, serve)
    os.close(writer)
    return _follow(child, reader)


def _follow(child: int, reader: int) -> int:
    failed: list[str] = []
    try:
        with os.fdopen(reader) as told:
            for line in told:
                kind, _, text = line.rstrip("\n").partition(" ")
                if kind == "ready":
                    return 0
                if kind == "failed":
                    failed.append(text)
                else:
                    say(text)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise
    raise Unreachable("\n".join(failed) or "the stack ended before it was ready")


def _become_background(log: Path, writer: int, serve: Callable[[Say, Callable[[], None]], int]) -> None:
    """The child's whole life; does not return."""
    os.setsid()
    with open_log(log) as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    teller = os.fdopen(writer, "w", buffering=1)

    def tell(kind: str, text: str) -> None:
        say(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {text}")
        try:
            if not teller.closed:
                teller.writelines(f"{kind} {line}\n" for line in text.splitlines() or [""])
        except BrokenPipeError:
            # Whoever wanted it has gone before it was ready.
            os.kill(os.getpid(), signal.SIGTERM)

    def ready() -> None:
        tell("ready", "in the background; `orchestrator down` ends it")
        teller.close()

    code = 1
    try:
        code = serve(lambda text: tell("said", text), ready)
    except OrchestratorError as error:
        tell("failed", str(error))
    finally:
        sys.stdout.flush()
        os._exit(code)
