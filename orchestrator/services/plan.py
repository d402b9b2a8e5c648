"""The plan of a job: every step with its site, its queue and its parameters bound, or what is in the way."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from orchestrator.contracts.names import PEOPLE
from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.report import PATHS
from orchestrator.contracts.workflow import Action, Manual, Workflow
from orchestrator.domain.fields import GROUP, LANE, reference, shown, substitute, unknown_site
from orchestrator.domain.place import inside
from orchestrator.domain.walked import Walked
from orchestrator.errors import Fault
from orchestrator.services.offers import Offers
from orchestrator.services.parameters import parameter_faults

MAX_PARAMS_BYTES = 256 * 1024
"""Of one step's parameters: they travel with each of its parcels."""


class PlannedStep(NamedTuple):
    """A row of ``job_steps``."""

    rule: int
    step: int
    action: str
    label: str | None
    site: str
    queue: str
    function: str
    params: dict[str, Any]
    options: dict[str, Any]
    """For the hub, where the workflow gives them: ``timeout_s``, ``hard_timeout_s``, ``retries``; ``manual``."""
    waits: bool
    """It changes a folder that is walked, so it begins when discovery has ended."""


class Where(NamedTuple):
    """Where a job runs, unless a step says otherwise, and what it walks."""

    site: str
    queue: str = "default"
    walked: Walked = Walked()


def rule_orders(workflow: Workflow) -> list[RuleOrder]:
    """The rules as walkers need them, in the order of the workflow."""
    return [rule.order for rule in workflow.filter_rules]


def plan(
    workflow: Workflow, values: Mapping[str, Any], where: Where, offers: Offers
) -> tuple[list[PlannedStep], list[Fault]]:
    """Every step of every chain, checked against what its site offers.

    A fault's place is in the request: the field that a bad value came from, or ``$.site``, or ``$.workflow``.
    """
    steps: list[PlannedStep] = []
    faults: list[Fault] = []
    for r, rule in enumerate(workflow.filter_rules):
        for s, action in enumerate(rule.action):
            step, found = _step(r, s, action, values, where, offers)
            steps += [step] if step else []
            faults += found
    return steps, list(dict.fromkeys(faults))


def _step(
    r: int, s: int, action: Action, values: Mapping[str, Any], where: Where, offers: Offers
) -> tuple[PlannedStep | None, list[Fault]]:
    within = f"filter_rules[{r}].action[{s}]"
    if action.manual is not None:
        return _for_people(r, s, action, action.manual, values, within)
    site, site_place = _name(action.site, values, where.site, "$.site")
    queue, queue_place = _name(action.queue, values, where.queue, "$.queue")
    if site not in offers.sites:
        return None, [Fault(site_place, f"{within}: {unknown_site(site, offers.sites)}")]
    if not LANE.fullmatch(queue):
        return None, [Fault(queue_place, f"{within}: {shown(queue)} is not the name of a queue")]
    offer = offers.actions.get(action.name, {}).get(site)
    if offer is None:
        return None, [Fault(site_place, f"{within}: {offers.unknown_action(action.name, site)}")]
    params = substitute(action.params, values)
    faults = [_placed(fault, action, within) for fault in parameter_faults(offer.parameters, params, "$")]
    if len(msgspec.json.encode(params)) > MAX_PARAMS_BYTES:
        faults.append(Fault("$.fields", f"{within}: its parameters are larger than {MAX_PARAMS_BYTES} bytes"))
    # Whichever site changes it: two sites may well see the same storage.
    waits = any(_is_seen(name == PATHS or params.get(name), where.walked) for name in offer.changes)
    function = offers.pool(action.name, site, queue, action.function)
    if function is None:
        reason = f"{action.function} is no pool of queue {queue} at site {site} that offers {action.name}"
        return None, [*faults, Fault("$.workflow", f"{within}.function: {reason}")]
    step = PlannedStep(r, s, action.name, action.label, site, queue, function, params, _options(action), waits)
    return step, faults


def _for_people(
    r: int, s: int, action: Action, manual: Manual, values: Mapping[str, Any], within: str
) -> tuple[PlannedStep | None, list[Fault]]:
    """A step that no site does: its queue is the group that does it, none for every worker."""
    group, place = _name(action.group, values, "", "$.fields")
    if group and not GROUP.fullmatch(group):
        return None, [Fault(place, f"{within}: {shown(group)} is not the name of a group")]
    said = {"claim_s": manual.claim, "deadline_s": manual.deadline, "default": manual.default}
    options = {"manual": {name: value for name, value in said.items() if value is not None}}
    return PlannedStep(r, s, action.name, action.label, "", group, PEOPLE, {}, options, waits=False), []


def _options(action: Action) -> dict[str, Any]:
    retries = action.retries.policy if action.retries else None
    options = {"timeout_s": action.timeout, "hard_timeout_s": action.hard_timeout, "retries": retries or None}
    return {name: value for name, value in options.items() if value is not None}


def _name(written: str | None, values: Mapping[str, Any], otherwise: str, place: str) -> tuple[str, str]:
    """The site or queue of a step, and which place of the request it comes from. An absent field is none said."""
    if written is None:
        return otherwise, place
    if name := reference(written):
        return (str(values[name]), inside("$.fields", name)) if name in values else (otherwise, place)
    return written, "$.workflow"


def _is_seen(changed: object, walked: Walked) -> bool:
    """Whether a walk may see what is changed: these folders, or (True) what lies beside the paths that it finds."""
    return bool(walked) if changed is True else any(map(walked.shows, _folders(changed)))


def _folders(value: object) -> Iterator[bytes]:
    """The folders that a parameter names; not checked here, since a wrong one is a fault already."""
    if isinstance(value, str):
        yield value.encode()
    elif isinstance(value, list):
        for element in cast(list[object], value):
            yield from _folders(element)


def _placed(fault: Fault, action: Action, within: str) -> Fault:
    """The same fault where the sender can mend it: at the field that the parameter stands for, if it does."""
    path = fault.place.removeprefix("$")
    for key, value in action.params.items():
        own = inside("", key)
        if (name := reference(value)) and path.startswith(own) and path[len(own) :][:1] in {"", ".", "["}:
            return Fault(inside("$.fields", name) + path[len(own) :], f"{within}{own}: {fault.reason}")
    return Fault("$.workflow", f"{within}{path}: {fault.reason}")
