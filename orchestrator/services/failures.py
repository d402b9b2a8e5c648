"""Writing down which paths were not processed and why, and which of these failures are alike."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import Connection, text

from orchestrator.contracts.batch import Trouble
from orchestrator.contracts.paths import indices, to_bits, unpack, unpack_carry
from orchestrator.contracts.report import Problem, TaskError
from orchestrator.domain.fingerprint import fingerprint
from orchestrator.storage import tables
from orchestrator.storage.copy import copy_in

EXAMPLES = 5
HOSTS = 10
"""At most so many are kept of each group."""
DISCOVERY = -1
"""Stands for a step (and a rule) where discovery itself is meant."""


class Place(Protocol):
    """Where discovery met a trouble."""

    job: int
    method: str
    worker: str | None


@dataclass(slots=True)
class Group:
    """Failures of one step that are alike."""

    action: str
    error_class: str
    message: str
    paths: int = 0
    examples: list[bytes] = field(default_factory=list[bytes])
    hosts: set[str] = field(default_factory=set[str])

    def add(self, n: int, host: str | None, path: bytes | None) -> None:
        """Some more paths that failed so."""
        self.paths += n
        if host and len(self.hosts) < HOSTS:
            self.hosts.add(host)
        if path is not None and len(self.examples) < EXAMPLES:
            self.examples.append(path)


@dataclass(slots=True)
class Failures:
    """What went wrong in one turn."""

    rows: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    groups: dict[tuple[int, str, int, int], Group] = field(default_factory=dict[tuple[int, str, int, int], Group])

    def path(self, job: int, task: int, rule: int, step: int, action: str, host: str, problem: Problem) -> None:
        """A path that a task did not process."""
        said, message = _text(problem.error_class), _text(problem.message)
        print_ = fingerprint(said, message, action, step)
        self.rows.append((job, task, problem.index, problem.outcome, problem.path, said, message, print_))
        if problem.outcome != "skipped":
            self._group(job, print_, rule, step, action, said, message).add(1, host, problem.path)

    def task(self, job: int, rule: int, step: int, action: str, host: str, error: TaskError, paths: int) -> None:
        """A task that ended without a structured result: all its paths failed."""
        said, message = _text(error.error_class), _text(error.message)
        print_ = fingerprint(said, message, action, step)
        self._group(job, print_, rule, step, action, said, message).add(paths, host, None)

    def trouble(self, walk: Place, index: int, trouble: Trouble) -> None:
        """A path that discovery could not handle."""
        action, said, message = f"discovery.{walk.method}", _text(trouble.error_class), _text(trouble.message)
        print_ = fingerprint(said, message, action, DISCOVERY)
        self.rows.append((walk.job, 0, index, "failed", trouble.path, said, message, print_))
        group = self._group(walk.job, print_, DISCOVERY, DISCOVERY, action, said, message)
        group.add(1, walk.worker, trouble.path)

    def _group(self, job: int, print_: str, rule: int, step: int, action: str, said: str, message: str) -> Group:
        key = (job, print_, rule, step)
        if (group := self.groups.get(key)) is None:
            group = self.groups[key] = Group(action, said, message)
        return group

    def write(self, tx: Connection) -> None:
        """Keep them."""
        if self.rows:
            copy_in(tx, tables.outcomes, _OUTCOME_COLUMNS, self.rows)
        for (job, print_, rule, step), group in sorted(self.groups.items(), key=lambda item: item[0]):
            tx.execute(
                _UPSERT,
                {
                    "job": job, "fingerprint": print_, "rule": rule, "step": step, "action": group.action,
                    "error_class": group.error_class, "message": group.message, "paths": group.paths,
                    "examples": group.examples, "hosts": sorted(group.hosts),
                    "most_examples": EXAMPLES, "most_hosts": HOSTS,
                },
            )  # fmt: skip


_OUTCOME_COLUMNS = ("job_id", "task_id", "index", "outcome", "path", "error_class", "message", "fingerprint")

_UPSERT = text("""
    insert into error_groups as g
      (job_id, fingerprint, rule, step, action, error_class, message, paths, examples, hosts)
    values (:job, :fingerprint, :rule, :step, :action, :error_class, :message, :paths,
            cast(:examples as bytea[]), cast(:hosts as text[]))
    on conflict (job_id, fingerprint, rule, step) do update set
      paths = g.paths + excluded.paths,
      examples = (g.examples || excluded.examples)[1:cast(:most_examples as int)],
      hosts = case when g.hosts @> excluded.hosts then g.hosts
        else (array(select distinct unnest(g.hosts || excluded.hosts)))[1:cast(:most_hosts as int)] end,
      last_at = clock_timestamp()
""")


def blame(packed: bytes, carry: bytes | None, blamed: Iterable[tuple[int, TaskError]]) -> Iterator[Problem]:
    """Problems for paths that failed without a report of their own, under their present names."""
    paths, renamed = unpack(packed).paths, unpack_carry(carry).renamed
    for which, error in blamed:
        for index in indices(to_bits(which, len(paths)), len(paths)):
            yield Problem(index, "failed", renamed.get(index, paths[index]), error.message, error.error_class)


def _text(said: str) -> str:
    """PostgreSQL's text has no NUL."""
    return said.replace("\0", "\N{REPLACEMENT CHARACTER}")
