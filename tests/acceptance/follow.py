"""A reader who does what a page shows, in one shell, and looks whether the answers are those that are shown."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from signal import SIGTERM

import pytest

from orchestrator.stack.lifeline import tied
from tests.pages import Step

ENDLESS = {
    "orchestrator worker --config oslo/site.toml": " ready",
    "orchestrator events --site london": r" job [0-9]+ ",
    'api -N "$URL/api/v1/events?workflow=copy&kind=batch"': "^retry: ",
}
"""What goes on until somebody ends it -> what it says when it is there."""
REFUSED = {'api "$URL/api/v1/jobs?limit=0"': 22}
"""What is refused, and meant to be -> its exit code."""
PATIENT = {
    "orchestrator package 12",
    "orchestrator site show oslo",
    "orchestrator submit sum /tmp/oslo-data --site oslo --watch",
}
"""What is asked again until it can be had: a person is slower than a package is made, or workers are there."""
FOR_EXAMPLE = ("orchestrator errors 1", "api $URL/api/v1/jobs/bulk ")
"""What is answered otherwise here than on the page, which shows a larger case."""

BEFORE = r"""
shopt -s expand_aliases
set -m -o pipefail
curl() { command curl --fail-with-body --max-time 60 "$@"; }
endless=() made=0
trap 'for one in "${endless[@]}"; do kill -- "-$one"; done; wait' EXIT
answered() {
  local code=$?
  echo "$code" >"$SAID/$1.code"
  made=$(sed -nE '1s/^(\{"id":|\{"job_id":|job )([0-9]+).*/\2/p' "$SAID/$1")
  MADE=${made:-$MADE}
  [ "$code" = "$2" ] || exit 1
}
"""
"""A refusal is an exit code; ``$MADE`` is the number of what was made last."""


def follow(steps: Sequence[Step], stand_ins: Mapping[str, str], folder: Path, more: Mapping[str, str]) -> list[str]:
    """What was answered to each. Fails at the first that ends otherwise than it should."""
    answers = folder.parent / f"{folder.name}.answers"
    answers.mkdir()
    script = [BEFORE, *(_lines(number, step, stand_ins) for number, step in enumerate(steps))]
    file = answers / "script"
    file.write_text("\n".join(script))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "PYTEST_"))
    }
    environment |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "SAID": str(answers)}
    environment |= {"COLUMNS": "200", "no_proxy": "127.0.0.1", **more}
    done = subprocess.run(
        tied(["bash", str(file)], SIGTERM),
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    said = [_read(answers / str(number)) for number in range(len(steps))]
    reached = [step for number, step in enumerate(steps) if (answers / str(number)).exists()]
    if done.returncode or len(reached) < len(steps):
        pytest.fail(f"{reached[-1]}\n{said[len(reached) - 1]}{done.stderr}")
    shutil.rmtree(answers)
    return said


def _read(file: Path) -> str:
    return file.read_text(errors="replace") if file.exists() else ""


def _lines(number: int, step: Step, stand_ins: Mapping[str, str]) -> str:
    """How the shell does it."""
    text = stood_in(step.text, stand_ins)
    lines = [f'exec >"$SAID/{number}" 2>&1']
    if until := ENDLESS.get(step.command):
        there = f'grep -Eq {quote(until)} "$SAID/{number}"'
        lines += [f"{{ {text}\n}} &", "endless+=($!)", f"until {there} || ! kill -0 $!; do sleep 0.1; done", there]
    elif step.command in PATIENT:
        lines += [f"until {text}\ndo sleep 0.2; done"]
    else:
        lines += [text]
    return "\n".join([*lines, f"answered {number} {REFUSED.get(step.command, 0)}"])


def stood_in(text: str, stand_ins: Mapping[str, str]) -> str:
    """The text with what is there in place of what the page has for an example."""
    if not stand_ins:
        return text
    longest = sorted(stand_ins, key=len, reverse=True)
    return re.sub("|".join(map(_word, longest)), lambda found: stand_ins[found[0]], text)


def _word(word: str) -> str:
    """The pattern of a word that is not a part of another one."""
    before, behind = (r"\b" if end.isalnum() else "" for end in (word[0], word[-1]))
    return f"{before}{re.escape(word)}{behind}"


def missing(step: Step, said: str, stand_ins: Mapping[str, str]) -> list[str]:
    """The lines that the page shows and that were not said; numbers may be others, and "..." is anything."""
    if step.command.startswith(FOR_EXAMPLE):
        return []
    documents = bool(step.shown) and step.shown[0].startswith("{")
    shown, between = (_documents(step.shown), r"\s*") if documents else (step.shown, r"\s+")
    return [line for line in shown if not re.search(_pattern(stood_in(line, stand_ins), between), said)]


def _documents(lines: Sequence[str]) -> list[str]:
    """Documents, each on one line, without the remark to the right of it."""
    whole: list[str] = []
    for line in (re.split(r"\s{3,}", line)[0] for line in lines):
        if line.startswith("{"):
            whole.append(line)
        else:
            whole[-1] += line
    return whole


def _pattern(line: str, between: str) -> str:
    parts = [re.sub(r"\d+", r"\\d+", re.escape(part)) for part in line.replace("...", "\0").split()]
    return between.join(parts).replace("\0", ".*")
