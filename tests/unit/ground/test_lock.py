"""The locked requirements are in step with pyproject.toml, complete, hashed, and name no address."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "requirements.txt": PROJECT["project"]["dependencies"],
    "requirements-dev.txt": PROJECT["dependency-groups"]["dev"],
}


def entries(lock: str) -> Iterator[tuple[Requirement, int]]:
    """Each pinned requirement, and how many hashes it has."""
    joined = (ROOT / lock).read_text().replace("\\\n", " ")
    for line in joined.splitlines():
        if line and not line.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
            yield Requirement(requirement), len(hashes)


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_asked_for_is_pinned_within_its_range(lock: str) -> None:
    pinned = {canonicalize_name(entry.name): entry for entry, _ in entries(lock)}
    for text in LOCKS[lock]:
        asked = Requirement(text)
        entry = pinned.get(canonicalize_name(asked.name))
        assert entry is not None, f"{asked.name} is not in {lock}: run make lock"
        (version,) = {specifier.version for specifier in entry.specifier}
        assert asked.specifier.contains(version), f"{entry} is not {asked}: run make lock"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_one_version_with_hashes(lock: str) -> None:
    for entry, hashes in entries(lock):
        assert [specifier.operator for specifier in entry.specifier] == ["=="], entry
        assert hashes, entry


def test_both_locks_agree() -> None:
    first, second = ({entry.name: str(entry.specifier) for entry, _ in entries(lock)} for lock in LOCKS)
    assert {name: first[name] for name in first.keys() & second.keys()} == {
        name: second[name] for name in first.keys() & second.keys()
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_is_recorded(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "index-url" not in text
