"""Accepting and rejecting the paths of tasks that wait for people: of one task, or of all that a job has waiting."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from orchestrator.contracts.answer import AnswerAsked, Chosen, DecisionAsked
from orchestrator.contracts.paths import bitmap, indices, number, to_bits
from orchestrator.domain.answer import Answer
from orchestrator.domain.chain import STEP_MASK
from orchestrator.domain.kinds import Kind
from orchestrator.domain.rules import Rule, RuleSet
from orchestrator.domain.task import TASK, TaskEvent
from orchestrator.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from orchestrator.services.chains import read_plan
from orchestrator.services.claim import must_have, taken_up, written
from orchestrator.services.keys import Caller
from orchestrator.services.manual import Manual, lock_jobs, must_run, read_manual, record_task
from orchestrator.storage.history import record

MOST_TASKS = 200
MOST_PATHS = 20_000
"""Decided in one transaction: some tenths of a second."""
_REFUSAL = "this can not be decided like that"


class Decided(NamedTuple):
    """What one transaction has decided."""

    tasks: int
    paths: int
    next: int | None
    """The task behind which to go on; None: that was all."""


def answer(tx: Connection, task: int, who: Caller, said: Answer, read: Callable[[], AnswerAsked]) -> None:
    """Accept or reject paths of a task; one that nobody has claimed is claimed by it.

    ``read`` gives what is asked, once the person and the moment are known to be right.
    """
    _, manual, plan = taken_up(tx, task, who, said)
    if manual.claimed_by is None:
        if (asked := read()).attempt is not None:
            must_have(manual, who, asked.attempt, said)
        manual.claim(who.user)
        record_task(tx, [(manual, "Claimed", None)], who.user)
    else:
        must_have(manual, who, None, said)
        must_have(manual, who, (asked := read()).attempt, said)
    comments = _named(manual, asked)
    _decide(manual, said, comments)
    record_task(tx, [(manual, said.told, len(comments))], who.user, asked.comment)
    written(tx, [manual], plan)


_WAITING = text("""
    select a.task_id, t.given from asks a join tasks t on t.id = a.task_id
    where a.job_id = :job and a.task_id > :after
      and (cast(:groups as text[]) is null or a.group_name = '' or a.group_name = any(cast(:groups as text[])))
      and (a.claimed_by is null or a.claimed_by = :who)
      and (cast(:rule as int) is null or a.rule = :rule)
      and (cast(:step as int) is null or (a.task_id & :mask) = :step)
    order by a.task_id limit :most
""")
_KNOWN = text("select kind, site, workflow from jobs where id = :job and pruned_at is null")
_ANY_GROUP = text("select distinct group_name from asks where job_id = :job limit 20")


def decide(tx: Connection, job: int, who: Caller, read: Callable[[], DecisionAsked]) -> Decided:
    """Decide some of what waits in a job for people: its next tasks, those that others have claimed left out.

    NotFound, Forbidden where others than this person are asked, what the moment does not allow, and what ``read``
    raises.
    """
    row = tx.execute(_KNOWN, {"job": job}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job}")
    who.must_reach(row.site, row.workflow)
    groups = None if who.person.leads else sorted(who.groups)
    _refuse_strangers(tx, job, groups)
    if row.kind != Kind.BATCH:
        raise Conflict(f"job {job} is no run of a workflow: there is nothing to decide in it")
    must_run(tx, job, lock_jobs(tx, [job])[job], "decide")
    asked = read()
    values = {"job": job, "after": asked.after, "who": who.user, "rule": asked.rule, "step": asked.step}
    rows = tx.execute(_WAITING, values | {"groups": groups, "mask": STEP_MASK, "most": MOST_TASKS}).all()
    taken: list[int] = []
    paths = 0
    for row in rows:
        paths += row.given
        if taken and paths > MOST_PATHS:
            break
        taken.append(row.task_id)
    plan = read_plan(tx, [job])
    touched = [(manual, n) for manual in read_manual(tx, taken, plan) if (n := _decide_whole(manual, who, asked))]
    done = Decided(len(touched), sum(n for _, n in touched), _next(taken, len(rows)))
    if touched:
        record_task(tx, [(manual, asked.answer.told, n) for manual, n in touched], who.user, asked.comment)
        what = f"{done.paths} paths of {done.tasks} tasks"
        record(tx, job, asked.answer.told, actor=who.user, reason=what, comment=asked.comment)
        written(tx, [manual for manual, _ in touched], plan)
    return done


def _next(taken: Sequence[int], found: int) -> int | None:
    return taken[-1] if taken and (found == MOST_TASKS or len(taken) < found) else None


def _refuse_strangers(tx: Connection, job: int, groups: Sequence[str] | None) -> None:
    asked = set(tx.execute(_ANY_GROUP, {"job": job}).scalars())
    if groups is not None and asked and "" not in asked and asked.isdisjoint(groups):
        raise Forbidden(f"what waits in job {job} is for others: {', '.join(sorted(asked))}")


def _decide_whole(manual: Manual, who: Caller, asked: DecisionAsked) -> int:
    """Decide what matches; what is then left goes back where nobody had claimed it. How many paths it was."""
    chosen = _matching(manual, asked)
    if not chosen:
        return 0
    unclaimed = manual.claimed_by is None
    if unclaimed:
        manual.claim(who.user)
    _decide(manual, asked.answer, dict.fromkeys(chosen, asked.comment))
    if unclaimed and manual.task.state not in TASK.terminal:
        manual.task.back(TaskEvent.PART_FINISHED)
    return len(chosen)


def _named(manual: Manual, asked: AnswerAsked) -> dict[int, str | None]:
    """The paths that are meant, and what is said of each; Invalid when one of them is not there to be decided."""
    if asked.paths is None:
        return dict.fromkeys(_matching(manual, asked), asked.comment)
    faults: list[Fault] = []
    named: dict[int, str | None] = {}
    for place, path in enumerate(asked.paths):
        if not manual.task.given >> path.index & 1:
            faults.append(Fault(f"$.paths[{place}]", f"the task has no path {path.index}"))
        elif not manual.task.remaining >> path.index & 1:
            faults.append(Fault(f"$.paths[{place}]", f"path {path.index} is decided already"))
        elif path.index in named:
            faults.append(Fault(f"$.paths[{place}]", f"path {path.index} is named twice"))
        named[path.index] = path.comment or asked.comment
    if faults:
        raise Invalid(_REFUSAL, faults[:100])
    return named


def _matching(manual: Manual, chosen: Chosen) -> list[int]:
    left = indices(to_bits(manual.task.remaining, manual.task.batch_size), manual.task.batch_size)
    if not chosen.include and not chosen.exclude:
        return list(left)
    rules, paths = RuleSet([Rule(include=chosen.include, exclude=chosen.exclude)]), manual.paths
    return [index for index in left if rules.match(paths.paths[index], "?", base=paths.base) is not None]


def _decide(manual: Manual, said: Answer, comments: dict[int, str | None]) -> None:
    if not comments:
        raise Invalid(_REFUSAL, [Fault("$.include", "no path that is left matches")])
    if said is Answer.ACCEPT:
        n = manual.task.batch_size
        manual.accept(
            number(bitmap(comments, n), n), {index: comment for index, comment in comments.items() if comment}
        )
        return
    if not all(comments.values()):
        raise Invalid(_REFUSAL, [Fault("$.comment", "is needed: why are they rejected?")])
    manual.reject({index: comment or "" for index, comment in comments.items()})
