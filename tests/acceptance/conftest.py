"""Homes for stacks, and what is left of them."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.stack.lifeline import end_all, marked
from orchestrator.stack.place import place_is_elsewhere
from tests.acceptance.whole_stack import whole as whole

LONGEST = ("test_tutorial.py", "test_chaos.py", "test_up.py", "test_plugins.py", "test_sites.py")
"""They mostly wait, and for minutes: begun last, they would be waited for alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest begin first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that is removed afterwards, with whatever still runs in it."""
    folder = Path(tempfile.mkdtemp(prefix="orchestrator-home-"))
    folder.chmod(0o711)
    yield folder
    end_all(lambda: marked(str(folder.resolve())), grace=1.0, first=signal.SIGKILL)
    for leftover in (folder, place_is_elsewhere(folder)):
        if leftover is not None:
            shutil.rmtree(leftover)
