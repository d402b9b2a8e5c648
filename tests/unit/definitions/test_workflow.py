from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.contracts.faults import faults_of
from orchestrator.contracts.workflow import Retries, Workflow
from orchestrator.domain.fields import FieldType
from orchestrator.domain.retry import Backoff, RetryPolicy, policy_of

GOOD: dict[str, Any] = {
    "name": "verify_and_copy",
    "label": "Verify and copy",
    "icon_classes": ["fa fa-copy"],
    "discovery": "recursive",
    "discovery_options": {"skip_missing": False},
    "enabled": True,
    "visible": True,
    "fields": [{"name": "to", "label": "To", "type": "site", "required": True}],
    "filter_rules": [
        {
            "type": "file",
            "state": "all",
            "include": ["*.tif"],
            "exclude": [".*"],
            "batch_size": 500,
            "action": [{"name": "fs.copy", "destination": "/in", "site": "*to", "queue": "bulk", "timeout": "10m"}],
        }
    ],
}


def changed(*way: str | int, to: Any) -> dict[str, Any]:
    document = deepcopy(GOOD)
    inner: Any = document
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = to
    return document


ACTION = ("filter_rules", 0, "action", 0)
BAD: list[tuple[dict[str, Any], str, str]] = [
    (changed("name", to="No Spaces"), "$.name", "has to match"),
    (changed("name", to="a" * 101), "$.name", "at most 100"),
    (changed("labell", to="x"), "$.labell", "unknown key"),
    (changed("enabled", to="yes"), "$.enabled", "has to be true or false"),
    (changed("enabled", to=1), "$.enabled", "has to be true or false"),
    (changed("icon_classes", to="x"), "$.icon_classes", "has to be a list"),
    (changed("tolerance", to={}), "$.tolerance", "needs failed_percent or failed_count"),
    (changed("tolerance", to={"failed_percent": 101}), "$.tolerance.failed_percent", "less than or equal to 100"),
    (changed("breaker", to={"window": 1}), "$.breaker.window", "greater than or equal to 10"),
    (changed("filter_rules", to=[]), "$.filter_rules", "at least 1"),
    (changed("filter_rules", to=GOOD["filter_rules"] * 101), "$.filter_rules", "at most 100"),
    (changed("filter_rules", 0, "type", to="folder"), "$.filter_rules[0].type", "has to be one of 'all', 'file'"),
    (changed("filter_rules", 0, "batch_size", to=0), "$.filter_rules[0].batch_size", "greater than or equal to 1"),
    (changed("filter_rules", 0, "batch_size", to=100_001), "$.filter_rules[0].batch_size", "less than or equal"),
    (changed("filter_rules", 0, "batch_size", to="5"), "$.filter_rules[0].batch_size", "has to be a whole number"),
    (changed("filter_rules", 0, "batch_size", to=True), "$.filter_rules[0].batch_size", "has to be a whole number"),
    (changed("filter_rules", 0, "ignore", to=["x"]), "$.filter_rules[0].ignore", "unknown key"),
    (changed("filter_rules", 0, "include", to=["[a"]), "$.filter_rules[0]", "[a"),
    (changed("filter_rules", 0, "action", to=[]), "$.filter_rules[0].action", "at least 1"),
    (changed("filter_rules", 0, "action", to=[{"name": "noop"}] * 65), "$.filter_rules[0].action", "at most 64"),
    (changed(*ACTION, to={"destination": "/x"}), "$.filter_rules[0].action[0].name", "is required"),
    (changed(*ACTION, to="fs.copy"), "$.filter_rules[0].action[0]", "has to be an object"),
    (changed(*ACTION, "name", to="a b"), "$.filter_rules[0].action[0].name", "has to match"),
    (changed(*ACTION, "queue", to="a.b"), "$.filter_rules[0].action[0].queue", "has to match"),
    (changed(*ACTION, to={"name": "x", "manual": 1}), "$.filter_rules[0].action[0].manual", "has to be"),
    (
        changed(*ACTION, to={"name": "x", "manual": True, "site": "paris", "size": 1}),
        "$.filter_rules[0].action[0]",
        "it takes no site, size",
    ),
    (
        changed(*ACTION, to={"name": "x", "manual": {"deadline": "1d"}}),
        "$.filter_rules[0].action[0].manual",
        "deadline and default go together",
    ),
    (
        changed(*ACTION, to={"name": "x", "manual": {"claim": "0s"}}),
        "$.filter_rules[0].action[0].manual",
        "claim has to be more than 0",
    ),
    (changed(*ACTION, "group", to="qa"), "$.filter_rules[0].action[0].group", "only for steps with manual"),
    (changed(*ACTION, "retries", to={"max": 101}), "$.filter_rules[0].action[0].retries.max", "less than or equal"),
    (
        changed(*ACTION, "retries", to={"base": "2m", "cap": "1m"}),
        "$.filter_rules[0].action[0].retries",
        "at least base",
    ),
    (changed(*ACTION, "retries", to={"base": "31d"}), "$.filter_rules[0].action[0].retries", "longer than 30 days"),
    (
        changed(*ACTION, to={"name": "x", "timeout": "2m", "hard_timeout": "1m"}),
        "$.filter_rules[0].action[0]",
        "hard_timeout has to be at least timeout",
    ),
    (changed(*ACTION, "retries", to={"cap": "x"}), "$.filter_rules[0].action[0].retries.cap", "number of seconds"),
    (changed(*ACTION, "timeout", to="0s"), "$.filter_rules[0].action[0].timeout", "more than 0"),
    (changed(*ACTION, "timeout", to="soon"), "$.filter_rules[0].action[0].timeout", "number of seconds"),
    (changed("fields", to=[{"name": "a"}, {"name": "a"}]), "$.fields", "the name a is used twice"),
    (changed("fields", to=[{"name": "a b"}]), "$.fields[0].name", "has to match"),
    (changed("fields", to=[{"name": "a", "type": "checkbox"}]), "$.fields[0].type", "has to be one of"),
    (changed("fields", to=[{"name": "a", "type": "choice"}]), "$.fields[0]", "needs at least one"),
    (changed("fields", to=[{"name": "a", "choices": [1]}]), "$.fields[0]", "are for the type choice"),
    (
        changed("fields", to=[{"name": "a", "type": "int", "default": "x"}]),
        "$.fields[0]",
        "its default has to be",
    ),
    (changed("fields", to=[{"name": f"f{i}"} for i in range(101)]), "$.fields", "at most 100"),
]


@pytest.mark.parametrize(("document", "place", "reason"), BAD)
def test_a_wrong_definition_has_a_place_and_a_reason(document: dict[str, Any], place: str, reason: str) -> None:
    with pytest.raises(ValidationError) as error:
        Workflow.model_validate(document)
    found = {fault.place: fault.reason for fault in faults_of(error.value)}
    assert reason in found[place]


def test_the_keys_of_an_action_that_are_not_ours_are_its_parameters() -> None:
    action = Workflow.model_validate(GOOD).filter_rules[0].action[0]
    assert action.params == {"destination": "/in"}
    assert (action.site, action.queue, action.timeout) == ("*to", "bulk", 600)


def test_the_canonical_form_is_without_defaults_and_reads_back() -> None:
    workflow = Workflow.model_validate(GOOD)
    canonical = workflow.canonical()
    assert "enabled" not in canonical
    assert "state" not in canonical["filter_rules"][0]
    assert Workflow.model_validate(canonical) == workflow
    assert Workflow.model_validate(workflow.model_dump(mode="json")) == workflow


def test_a_parameter_of_any_value_is_kept() -> None:
    parameters = {"a": None, "b": False, "c": [], "d": {"x": [1.5]}, "destination": ""}
    document = changed(*ACTION, to={"name": "x", **parameters})
    canonical = Workflow.model_validate(document).canonical()
    assert canonical["filter_rules"][0]["action"] == [{"name": "x", **parameters}]


def test_retries_of_nought_and_automatic_steps_are_taken() -> None:
    action = {"name": "x", "retries": {"max": 0, "base": "2s"}, "manual": False}
    assert Workflow.model_validate(changed(*ACTION, to=action)).filter_rules[0].action[0].retries


def test_a_manual_step_is_kept_as_it_was_written() -> None:
    how = {"claim": "4h", "deadline": "3d", "default": "accept"}
    for manual, kept in (
        (True, True),
        ({}, True),
        (how, {"claim": 14400.0, "deadline": 259200.0, "default": "accept"}),
    ):
        action = {"name": "review", "manual": manual, "group": "qa", "label": "Look"}
        workflow = Workflow.model_validate(changed(*ACTION, to=action))
        canonical = workflow.canonical()
        assert canonical["filter_rules"][0]["action"] == [action | {"manual": kept}]
        assert Workflow.model_validate(canonical) == workflow


def test_a_policy_is_kept_as_the_hub_reads_it() -> None:
    retries = {"max": 3, "backoff": "linear", "base": "10m", "error_classes": ["OSError"]}
    action = Workflow.model_validate(changed(*ACTION, to={"name": "x", "retries": retries})).filter_rules[0].action[0]
    assert action.retries is not None
    policy = policy_of(action.retries.policy)
    assert policy == RetryPolicy(3, Backoff.LINEAR, base_s=600, cap_s=600, error_classes=("OSError",))
    assert policy_of(Retries().policy) == RetryPolicy()


def test_every_type_of_field_can_be_declared() -> None:
    for type in FieldType:
        choices = {"choices": ["a"]} if type is FieldType.CHOICE else {}
        Workflow.model_validate(changed("fields", to=[{"name": "f", "type": type.value, **choices}]))
