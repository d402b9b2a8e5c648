"""The tree keeps its promises: links lead somewhere, files stay small, nothing names the machine it was written on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("orchestrator", "workers", "tests", "benchmarks", "docs", "docker", "examples", ".ci")
LINES = 300
LONGER = {
    "orchestrator/storage/migrations/versions/0001_first_schema.py": "a migration is a record of one moment",
    "tests/integration/definitions/test_submit.py": "all that can be wrong with one request, side by side",
    "tests/integration/discovery/test_walker.py": "one walker, one story: cut off, stopped, killed, shared",
    "tests/unit/domain/test_cascade.py": "the model and the properties that hold it against the code",
    "tests/unit/domain/test_fence.py": "the model checker and what it has to find",
    "tests/unit/workers/test_running.py": "every way in which a handler can end",
}
"""Files that may be longer than LINES, and why."""

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def files() -> Iterator[Path]:
    """Every file that belongs to the project, as a path seen from its root."""
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith((".coverage", ".env")):
            yield file.relative_to(ROOT)
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(ROOT)


PAGES = sorted(str(file) for file in files() if file.suffix == ".md")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    for target in LINK.findall(prose):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


@pytest.mark.parametrize("folder", ["docs", "docs/decisions"])
def test_every_page_is_in_its_index(folder: str) -> None:
    index = (ROOT / folder / "README.md").read_text()
    for page in (ROOT / folder).glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, f"{page.name} is not in {folder}/README.md"


def test_decisions_are_numbered_and_have_their_parts() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("0*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {int(page.name[:4])}. ")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Weighed.**"):
            assert part in text, f"{page.name} has no {part}"


def test_modules_named_in_the_docs_exist() -> None:
    for page in PAGES:
        for named in re.findall(r"`((?:orchestrator|workers|tests|docs)/[\w/.]+)`", (ROOT / page).read_text()):
            assert (ROOT / named).exists(), f"{page} names {named}"


def test_the_changelog_has_a_place_for_what_comes() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


def test_files_are_small_or_argued() -> None:
    lines = {str(file): len((ROOT / file).read_text().splitlines()) for file in files() if file.suffix == ".py"}
    long = {file: count for file, count in lines.items() if count > LINES and file not in LONGER}
    assert not long, f"more than {LINES} lines: make them smaller, or argue in LONGER"
    idle = [file for file in LONGER if lines.get(file, 0) <= LINES]
    assert not idle, "argued for no reason"


def test_no_module_is_named_for_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
    assert not [str(file) for file in files() if file.stem in nothing or nothing & set(file.parts)]


@pytest.mark.skipif(len(ROOT.parts) < 3, reason="a folder right below / may be named for other reasons")
def test_nothing_names_the_folder_it_was_written_in() -> None:
    here = f"{ROOT}/".encode()
    for file in files():
        assert here not in (ROOT / file).read_bytes(), file
