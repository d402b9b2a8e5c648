from typing import Any

import pytest

from orchestrator.contracts.workflow import MAX_REFERENCES, Workflow
from orchestrator.errors import Invalid
from orchestrator.services.check import MAX_BYTES, definition_faults, read_definition
from orchestrator.services.offers import Offer, Offers
from orchestrator.services.plan import Where, plan

ANYTHING: dict[str, Any] = {"type": "object"}
OFFERS = Offers(
    sites=frozenset({"london"}),
    actions={"any": {"london": Offer("worker", ANYTHING)}},
    names=frozenset({"any"}),
    discoveries=frozenset({"recursive"}),
)


def workflow(**params: Any) -> Workflow:
    return Workflow.model_validate(
        {
            "name": "w",
            "fields": [{"name": "f", "type": "json"}],
            "filter_rules": [{"action": [{"name": "any", **params}]}],
        }
    )


def test_references_are_limited() -> None:
    assert definition_faults(workflow(p=["*f"] * MAX_REFERENCES), OFFERS) == []
    faults = definition_faults(workflow(p=["*f"] * (MAX_REFERENCES + 1)), OFFERS)
    assert [fault.place for fault in faults] == ["$.filter_rules"]


def test_a_definition_has_a_largest_size() -> None:
    document = workflow(p="x" * MAX_BYTES).canonical()
    with pytest.raises(Invalid) as refusal:
        read_definition(document)
    assert "larger than" in refusal.value.faults[0].reason


def test_bound_parameters_have_a_largest_size() -> None:
    steps, faults = plan(workflow(p=["*f"] * 100), {"f": "x" * 10_000}, Where("london"), OFFERS)
    assert len(steps) == 1
    assert [fault.place for fault in faults] == ["$.fields"]


def test_a_parameter_named_as_a_site_is_one_of_the_actions() -> None:
    """Only the step's own ``site`` says where it runs; deeper inside, the word has no meaning."""
    assert definition_faults(workflow(options={"site": "*f"}), OFFERS) == []
