"""The pages that people write, and what they show to be done: commands to be typed, files to be saved."""

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHELL = ("sh", "console")
LANGUAGES = {*SHELL, "text", "yaml", "json", "toml", "ini", "sql", "python", "mermaid"}
"""What a block may say that it is; ``text`` is what nobody types."""

_BLOCK = re.compile(r"^ *```(?P<language>\w*)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`(?P<name>[\w.-]+\.(?:yaml|json|toml|py))`[^`\n]*:\s*\Z")
_REMARK = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page, with the text before it."""

    language: str
    body: str
    line: int
    before: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a reader types, and what the page shows of the answer."""

    page: str
    line: int
    text: str
    shown: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """It, without the remarks of the page."""
        return "\n".join(_REMARK.sub("", line).rstrip() for line in self.text.splitlines())

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def pages() -> Iterator[tuple[str, str]]:
    """Each page, with its text."""
    for folder, which in ((".", "*.md"), ("docs", "**/*.md"), ("benchmarks", "*.md"), ("examples", "**/*.md")):
        for page in sorted((ROOT / folder).glob(which)):
            if "reference" not in page.parts:
                yield str(page.relative_to(ROOT)), page.read_text()


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    for found in _BLOCK.finditer(text):
        before = text[: found.start()]
        yield Block(found["language"], found["body"], before.count("\n") + 2, before)


def steps(page: str, text: str) -> Iterator[Step]:
    """What the page shows to be done, in order. A block after "in `look.yaml`:" is a file to be saved so."""
    for block in blocks(text):
        if block.language in SHELL:
            yield from _typed(page, block)
        elif saved := _FILE.search(block.before):
            yield Step(page, block.line, f"cat >{saved['name']} <<'END OF FILE'\n{block.body}END OF FILE")


def _typed(page: str, block: Block) -> Iterator[Step]:
    """The commands of a block. In one with a prompt all else is shown; in one without, the remarks below a command."""
    prompt = "$ " if block.language == "console" else ""
    typed: list[str] = []
    shown: list[str] = []
    began = 0
    for number, line in enumerate(block.body.splitlines(), block.line):
        if typed and not _is_whole(typed):
            typed.append(line)
        elif line.startswith(prompt) and line.strip() and (prompt or not line.startswith("#")):
            if typed:
                yield Step(page, began, "\n".join(typed), tuple(shown))
            typed, shown, began = [line.removeprefix(prompt)], [], number
        elif line.strip():
            shown.append(line if prompt else line.removeprefix("#").strip())
    if typed:
        yield Step(page, began, "\n".join(typed), tuple(shown))


def _is_whole(lines: Iterable[str]) -> bool:
    """Whether a shell would begin with it."""
    text = "\n".join(lines)
    told = subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False)
    return not text.endswith("\\") and not told.returncode and not told.stderr
