"""Every command that the documentation shows is one: its name, its options, and as many words as it takes."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer import Context
from typer.core import TyperArgument, TyperGroup
from typer.main import get_command

from orchestrator.cli.main import make_app
from orchestrator.cli.sites import ShowByDefault
from tests.not_run import ELSEWHERE, NEVER, PAGES
from tests.pages import LANGUAGES, ROOT, blocks, pages, steps

PROGRAM = re.compile(r"(?:^|[\s;&|(])(?:\S*/)?orchestrator (?P<words>[^|;&)\n]*)")
INLINE = re.compile(r"`orchestrator ([a-z][a-z -]*)")


def shown() -> Iterator[tuple[str, str]]:
    """Each page with each command of our program that it shows in a block of shell."""
    for page, text in pages():
        for step in steps(page, text):
            for found in PROGRAM.finditer(step.command.replace("\\\n", " ")):
                yield page, found["words"].strip()


@pytest.mark.parametrize(("page", "words"), sorted(set(shown())))
def test_it_is_understood(page: str, words: str) -> None:
    command: Any = get_command(make_app())
    name = "orchestrator"
    left = shlex.split(re.sub(r"[0-9]*[<>]+ *\S+", "", words))
    while isinstance(command, TyperGroup):
        parsed, left = _parse(command, left)
        if parsed.get("help") or not left:
            return
        name, left = left[0], left[1:]
        found = command.get_command(Context(command), name)
        assert found is not None, f"{page}: there is no command {name!r}"
        command = found
    parsed, left = _parse(command, left)
    assert parsed.get("help") or not left, f"{page}: `{name}` takes no {' '.join(left)}"
    for one in command.params:
        if isinstance(one, TyperArgument) and one.required and not parsed.get("help"):
            assert parsed[one.name or ""] not in (None, ()), f"{page}: `{name}` needs {one.name}"


def _parse(command: Any, words: list[str]) -> tuple[dict[str, object], list[str]]:
    context = Context(command)
    context.allow_interspersed_args = not isinstance(command, TyperGroup)
    parsed, left, _ = command.make_parser(context).parse_args(list(words))
    return dict(parsed), left


@pytest.mark.parametrize(("page", "text"), list(pages()), ids=[page for page, _ in pages()])
def test_what_is_only_named_is_there(page: str, text: str) -> None:
    for words in INLINE.findall(text):
        command: Any = get_command(make_app())
        for name in words.split():
            if not isinstance(command, TyperGroup) or name.startswith("-"):
                break
            found = command.get_command(Context(command), name)
            if found is None and isinstance(command, ShowByDefault):
                break
            assert found is not None, f"{page} names `orchestrator {words}`"
            command = found


def test_they_are_found_at_all() -> None:
    assert len(set(shown())) > 20


@pytest.mark.parametrize(("page", "text"), list(pages()), ids=[page for page, _ in pages()])
def test_every_block_says_what_it_is(page: str, text: str) -> None:
    for block in blocks(text):
        assert block.language in LANGUAGES, f"{page}:{block.line}: what is it? text, if nobody types it"
        typed = [line for line in block.body.splitlines() if line.startswith("$ ")]
        assert block.language == "console" or not typed, f"{page}:{block.line}: a block with a prompt is `console`"


def test_what_is_not_run_is_still_shown_and_is_run_where_it_is_said_to_be() -> None:
    there = {step.command for page, text in pages() for step in steps(page, text)}
    assert not {*ELSEWHERE, *NEVER} - there
    assert not ELSEWHERE.keys() & NEVER.keys()
    assert all((ROOT / file).is_file() for file in {*ELSEWHERE.values(), *PAGES.values(), *PAGES})
