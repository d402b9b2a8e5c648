"""Stacks to put through faults, trials on them, and the report of the session."""

import random
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.stack.program import tail
from tests.acceptance.whole_stack import started
from tests.faults.record import Record
from tests.faults.report import TRIAL, Report
from tests.faults.stack import SMALL, Stack
from tests.faults.trial import Tell, Trial
from tests.faults.watcher import Watcher


def pytest_addoption(parser: pytest.Parser) -> None:
    """What ``make faults`` chooses."""
    group = parser.getgroup("faults")
    group.addoption("--seed", type=int, help="of everything that is left to chance in tests of faults")
    group.addoption("--faults-report", type=Path, help="where the numbers of the session are written, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Choose a seed where none is given; the processes of pytest-xdist are told that of the first."""
    if config.option.seed is None:
        config.option.seed = random.randrange(10**6)
    config.pluginmanager.register(Report(config.option.seed, config.option.faults_report))


def pytest_report_header(config: pytest.Config) -> str:
    """Say the seed before anything can go wrong."""
    return f"seed of the faults: {config.option.seed}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the parts have said last, beside what went wrong."""
    report = yield
    stack: object = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        logs = sorted((stack.whole.home / "logs").glob("*.log"))
        report.sections += [(f"the end of {log.name}", tail(log, 25)) for log in logs]
    return report


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """What is left to chance in this test: the same with the same seed."""
    return random.Random(f"{request.config.option.seed} {request.node.nodeid}")


@contextmanager
def serving(
    top: Path, *options: object, environment: Mapping[str, str] | None = None, ends: int = 0
) -> Generator[Stack]:
    """A stack with its home below ``top``, a folder that everybody may pass through; it ``ends`` with this code."""
    for name in ("data", "more"):
        (top / name).mkdir(exist_ok=True)
    places = (top / "home", top / "data", top / "more")
    with started(*places, *SMALL, *options, environment=environment, ends=ends) as whole:
        record = Record(whole.profile["database_url"])
        try:
            yield Stack(whole, record, whole.profile["redis_url"])
        finally:
            record.close()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The one of this process's tests that need no other: each leaves it as it was, with its jobs at their ends."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        Path(folder).chmod(0o711)
        with serving(Path(folder)) as stack:
            yield stack


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Hands numbers to the report."""
    return lambda name, numbers: request.node.user_properties.append((name, numbers))


@contextmanager
def watched(stack: Stack, notes: Path, tell: Tell, *, settles: bool = True) -> Generator[Trial]:
    """A trial during which the invariants are read all the time, and at the end when all has settled."""
    with Watcher(stack.record.engine) as watcher:
        yield (trial := Trial(stack, notes, tell))
        if settles:
            watcher.look(settled=trial.job)
    assert watcher.checks > 0 or not settles
    tell(TRIAL, {"checks": watcher.checks})


@pytest.fixture
def trial(stack: Stack, tmp_path: Path, tell: Tell) -> Iterator[Trial]:
    """A job for the stack."""
    with watched(stack, tmp_path / "notes", tell) as trial:
        yield trial
