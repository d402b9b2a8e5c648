import pytest
import typer

from orchestrator.cli.fields import read_fields

DECLARED = [
    {"name": "label", "type": "string"},
    {"name": "zoom", "type": "int"},
    {"name": "scale", "type": "float"},
    {"name": "deep", "type": "bool"},
    {"name": "algorithm", "type": "choice", "choices": ["sha256", "blake2b"]},
    {"name": "level", "type": "choice", "choices": [1, 2, "2"]},
    {"name": "to", "type": "site"},
    {"name": "start", "type": "path"},
    {"name": "starts", "type": "paths"},
    {"name": "extra", "type": "json"},
]


def test_values_become_what_their_fields_are() -> None:
    given = [
        "label=a=b", "zoom=-3", "scale=1e3", "deep=Yes", "algorithm=blake2b", "level=1", "to=paris",
        "start=/in/café", "starts=/a", "starts=/b,c", 'extra={"a": [1, null]}', "unknown=7",
    ]  # fmt: skip
    assert read_fields(given, DECLARED) == {
        "label": "a=b",
        "zoom": -3,
        "scale": 1000.0,
        "deep": True,
        "algorithm": "blake2b",
        "level": 1,
        "to": "paris",
        "start": "/in/café",
        "starts": ["/a", "/b,c"],
        "extra": {"a": [1, None]},
        "unknown": "7",
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["label"], "write it as name=value"),
        (["=x"], "write it as name=value"),
        (["zoom=3.5"], "'3.5' is not a whole number"),
        (["scale=wide"], "'wide' is not a number"),
        (["deep=2"], "'2' is neither true nor false"),
        (["algorithm=md5"], "'md5' is not one of sha256, blake2b"),
        (["extra={"], "not JSON"),
        (["to=a", "to=b"], "to: given twice"),
        (["start=/in/caf\udce9"], "start: .* is not UTF-8"),
    ],
)
def test_a_value_that_can_not_be_meant_is_wrong_usage(given: list[str], reason: str) -> None:
    with pytest.raises(typer.BadParameter, match=reason.replace("(", r"\(")):
        read_fields(given, DECLARED)
