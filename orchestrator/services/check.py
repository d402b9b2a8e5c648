"""Is a workflow's definition one that could run: its shape, its fields, its actions and their parameters."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec
from sqlalchemy import Connection

from orchestrator.contracts.discovery_options import DISCOVERY_OPTIONS
from orchestrator.contracts.faults import MOST, read_as
from orchestrator.contracts.workflow import MAX_REFERENCES, Action, Workflow
from orchestrator.domain.fields import FieldType, reference, references, shown, unknown_site
from orchestrator.domain.place import inside
from orchestrator.domain.storable import storable_faults
from orchestrator.errors import Fault, Invalid
from orchestrator.services.attributes import schema_faults
from orchestrator.services.offers import Offers, load_offers
from orchestrator.services.parameters import parameter_faults

MAX_BYTES = 256 * 1024
"""Of a definition, as JSON: it is read with every job."""

_AS_NAME = {
    "site": frozenset({FieldType.SITE, FieldType.STRING, FieldType.CHOICE}),
    "queue": frozenset({FieldType.QUEUE, FieldType.STRING, FieldType.CHOICE}),
    "group": frozenset({FieldType.STRING, FieldType.CHOICE}),
}


def checked(tx: Connection, document: object) -> Workflow:
    """The workflow that a document describes; Invalid with every place and reason when it could not run."""
    workflow = read_definition(document)
    offers = load_offers(tx, [action.name for rule in workflow.filter_rules for action in rule.action])
    if faults := definition_faults(workflow, offers):
        raise Invalid("the workflow can not be taken", faults[:MOST])
    return workflow


def read_definition(document: object) -> Workflow:
    """A document in the shape of a workflow; Invalid when it has another."""
    if unfit := list(storable_faults(document)):
        raise Invalid("the workflow can not be taken", unfit[:MOST])
    if not isinstance(document, dict):
        raise Invalid("the workflow can not be taken", [Fault("$", "has to be an object")])
    if len(msgspec.json.encode(cast(object, document))) > MAX_BYTES:
        raise Invalid("the workflow can not be taken", [Fault("$", f"is larger than {MAX_BYTES} bytes")])
    return read_as(Workflow, cast(object, document), "the workflow can not be taken")


def definition_faults(workflow: Workflow, offers: Offers) -> list[Fault]:
    """What is wrong with a workflow of the right shape, given what the sites offer."""
    faults = [*_discovery_faults(workflow, offers), *schema_faults(workflow.attributes_schema, "$.attributes_schema")]
    named = 0
    for r, rule in enumerate(workflow.filter_rules):
        for a, action in enumerate(rule.action):
            place = f"$.filter_rules[{r}].action[{a}]"
            found = list(references(action.params, place))
            named += len(found)
            faults += _unknown_fields(workflow, found)
            faults += _name_faults(workflow, action, place)
            if action.manual is None:
                faults += _action_faults(action, place, offers)
    if named > MAX_REFERENCES:
        faults.append(Fault("$.filter_rules", f"stand for fields in {named} places: at most {MAX_REFERENCES}"))
    return faults


def options_faults(method: str | None, options: dict[str, Any], place: str) -> Iterator[Fault]:
    """What is wrong with the options of a discovery; those of a plugin are its own business."""
    known = DISCOVERY_OPTIONS.get(method or "given")
    if known is None:
        return
    for key, value in options.items():
        if key not in known:
            yield Fault(inside(place, key), f"unknown option; known: {', '.join(known) or 'none'}")
        elif reason := known[key](value):
            yield Fault(inside(place, key), reason)


def method_fault(method: str | None, place: str, offers: Offers) -> Iterator[Fault]:
    """Why there can be no discovery of this name."""
    if method is not None and (method not in offers.discoveries or method == "given"):
        known = ", ".join(sorted(offers.discoveries - {"given"}))
        yield Fault(place, f"unknown discovery {shown(method)}; known: {known}, and null for exactly the paths given")


def _discovery_faults(workflow: Workflow, offers: Offers) -> Iterator[Fault]:
    yield from method_fault(workflow.discovery, "$.discovery", offers)
    yield from options_faults(workflow.discovery, workflow.discovery_options or {}, "$.discovery_options")


def _unknown_fields(workflow: Workflow, found: list[tuple[str, str]]) -> Iterator[Fault]:
    known = {field.name for field in workflow.fields}
    for place, name in found:
        if name not in known:
            yield Fault(place, f"unknown field {shown(name)}; write '**{name}' for the text '*{name}'")


def _name_faults(workflow: Workflow, action: Action, start: str) -> Iterator[Fault]:
    """A step's site, queue and group may stand for fields too."""
    types = {field.name: field.type for field in workflow.fields}
    for role, suited in _AS_NAME.items():
        if (name := reference(getattr(action, role))) is None:
            continue
        place = inside(start, role)
        if name not in types:
            yield Fault(place, f"unknown field {shown(name)}")
        elif types[name] not in suited:
            yield Fault(place, f"the field {name} is of type {types[name]}: not the name of a {role}")


def _action_faults(action: Action, place: str, offers: Offers) -> list[Fault]:
    offered = offers.actions.get(action.name)
    if offered is None:
        return [Fault(inside(place, "name"), offers.unknown_action(action.name))]
    if action.site is not None and reference(action.site) is None:
        if action.site not in offers.sites:
            return [Fault(inside(place, "site"), unknown_site(action.site, offers.sites))]
        if action.site not in offered:
            return [Fault(inside(place, "name"), offers.unknown_action(action.name, action.site))]
        offered = {action.site: offered[action.site]}
    unread = {key for key, value in action.params.items() if any(references(value, ""))}
    best: list[Fault] | None = None
    for offer in offered.values():  # sites may have different versions: it is enough that one would take it
        faults = parameter_faults(offer.parameters, action.params, place, unread=unread)
        if not faults:
            return []
        best = faults if best is None or len(faults) < len(best) else best
    return best or []
