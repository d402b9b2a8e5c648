"""Reading what was submitted: all that a job will consist of, checked, or every reason why it can not be one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from orchestrator.contracts.faults import MOST, read_storable
from orchestrator.contracts.paths import PathList
from orchestrator.contracts.submission import MAX_PATHS, Submission, read_paths, relative_faults
from orchestrator.contracts.workflow import Workflow
from orchestrator.domain.fields import bind, unknown_site
from orchestrator.domain.walked import Walked
from orchestrator.errors import Conflict, Fault, Invalid, Refused
from orchestrator.services.attributes import attribute_faults
from orchestrator.services.check import method_fault
from orchestrator.services.offers import Offers, load_offers
from orchestrator.services.plan import PlannedStep, Where, plan
from orchestrator.storage.tables import workflow_versions, workflows

_REFUSAL = "the job can not be taken"
GIVEN = "given"
"""The discovery that finds exactly the paths given."""
STREAM = "stream"
"""The discovery whose paths are sent to the API."""
_WALK_NOTHING = frozenset({GIVEN, STREAM, "listing"})
"""They find what is written down, whatever is made meanwhile."""
MAX_STARTS = 100_000
"""So many paths may be searched by one job: each is a walk of its own."""
MAX_FIELDS_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Order:
    """All that a job consists of, checked."""

    submission: Submission
    workflow: Workflow
    version: int
    values: Mapping[str, Any]
    steps: Sequence[PlannedStep]
    method: str
    options: Mapping[str, Any]
    paths: PathList


def read_order(tx: Connection, body: object) -> Order:
    """Check everything, so that all that is wrong is told at once.

    Raises Conflict for a workflow that is disabled, Invalid with places in the body for everything else.
    """
    submission, paths, wrong = _read(body)
    workflow, version = _workflow(tx, submission.workflow, submission.workflow_version)
    offers = load_offers(tx, [action.name for rule in workflow.filter_rules for action in rule.action])
    method, options, found = _discovery(submission, workflow, offers)
    wrong += found
    wrong += _time_faults(tx, submission)
    wrong += attribute_faults(workflow.attributes_schema, submission.attributes, "$.attributes")
    if not any(fault.place == "$.paths" for fault in wrong):
        wrong += _start_faults(method, paths, said="paths" in submission.model_fields_set)
    walked = Walked(paths.paths if method not in _WALK_NOTHING else ())
    values, steps, found = _steps(submission, workflow, walked, offers)
    if wrong := [*found, *wrong]:
        raise _refusal(wrong)
    return Order(submission, workflow, version, values, steps, method, options, paths)


def order_faults(tx: Connection, body: object, where: str) -> Iterator[Fault]:
    """What would keep it from being submitted now, for a definition that has it at ``where``."""
    try:
        read_order(tx, body)
    except Invalid as wrong:
        yield from (Fault(where + fault.place.removeprefix("$"), fault.reason) for fault in wrong.faults)
    except Refused as refused:
        yield Fault(f"{where}.workflow", refused.detail)


def _read(body: object) -> tuple[Submission, PathList, list[Fault]]:
    """The submission, its paths and what is wrong with these; Invalid when the rest has not the right shape."""
    submission = read_storable(Submission, body, _REFUSAL, except_below=frozenset({"paths"}))
    return submission, *read_paths(submission.paths)


def _workflow(tx: Connection, name: str, asked: int | None) -> tuple[Workflow, int]:
    """The version that is asked for, or the newest; whether it may be run at all is said by the newest."""
    newest = tx.scalar(select(workflows.c.version).where(workflows.c.name == name, workflows.c.deleted_at.is_(None)))
    if newest is None:
        raise _refusal([Fault("$.workflow", f"there is no workflow {name!r}")])
    version = newest if asked is None else asked
    query = select(workflow_versions.c.version, workflow_versions.c.definition).where(
        workflow_versions.c.workflow == name, workflow_versions.c.version.in_({version, newest})
    )
    found = {row.version: Workflow.model_validate(row.definition) for row in tx.execute(query)}
    if not found[newest].enabled:
        raise Conflict(f"the workflow {name!r} is disabled")
    if version not in found:
        reason = f"the workflow {name!r} has no version {version}; its newest is {newest}"
        raise _refusal([Fault("$.workflow_version", reason)])
    return found[version], version


def _discovery(submission: Submission, workflow: Workflow, offers: Offers) -> tuple[str, dict[str, Any], list[Fault]]:
    """How paths are found, with which options: the workflow's are for its own discovery only."""
    overrides = submission.overrides_discovery
    method = submission.discovery if overrides else workflow.discovery
    faults = list(method_fault(method, "$.discovery" if overrides else "$.workflow", offers))
    if method is None:  # its only option is what it does anyway
        return GIVEN, {}, faults
    options = workflow.discovery_options if method == workflow.discovery else None
    return method, dict(options or {}), faults


def _time_faults(tx: Connection, submission: Submission) -> Iterator[Fault]:
    if submission.deadline and submission.deadline <= tx.execute(select(func.clock_timestamp())).scalar_one():
        yield Fault("$.deadline", "has passed already")


def _start_faults(method: str, paths: PathList, *, said: bool) -> Iterator[Fault]:
    if method == STREAM:
        if len(paths):
            yield Fault("$.paths", "has to be empty: a stream is sent its paths afterwards")
        return
    if not len(paths):
        yield Fault("$.paths", f"has 0 paths: it takes 1 to {MAX_PATHS}" if said else "is required")
    if method == GIVEN:
        return
    if len(paths) > MAX_STARTS:
        yield Fault("$.paths", f"has {len(paths)} paths to be searched: at most {MAX_STARTS}")
    yield from relative_faults(paths.paths)


def _steps(
    submission: Submission, workflow: Workflow, walked: Walked, offers: Offers
) -> tuple[dict[str, Any], list[PlannedStep], list[Fault]]:
    """The fields' values and the plan; it is only made where site and fields are right."""
    values, faults = bind([field.field for field in workflow.fields], submission.fields, sites=offers.sites)
    if submission.site not in offers.sites:
        faults.append(Fault("$.site", unknown_site(submission.site, offers.sites)))
    if len(msgspec.json.encode(values)) > MAX_FIELDS_BYTES:
        faults.append(Fault("$.fields", f"are larger than {MAX_FIELDS_BYTES} bytes"))
    if faults:
        return {}, [], faults
    return values, *plan(workflow, values, Where(submission.site, submission.queue, walked), offers)


def _refusal(faults: Sequence[Fault]) -> Invalid:
    return Invalid(_REFUSAL, faults[:MOST])
