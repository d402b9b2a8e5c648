"""Which rule takes which path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.contracts.parcel import RuleOrder
from orchestrator.contracts.paths import KINDS
from orchestrator.domain.rules import KINDS_OF, Rule, RuleSet

PATHS = st.sampled_from([b"/d/a.tif", b"/d/s/a.tif", b"/d/.x", b"/d/s/\xff\n.tif", b"/d", b"s3://b/a.tif"])
RULES = st.builds(
    Rule,
    st.sampled_from(list(KINDS_OF)),
    st.sampled_from(["all", "default", "created", "modified"]),
    st.lists(st.sampled_from(["*.tif", ".*", "s/*", "/d/**", "**/s/**", "?.tif"]), max_size=2),
    st.lists(st.sampled_from(["*.tif", ".*", "s/*", "/d/**", "a*"]), max_size=1),
)
STATES = st.sampled_from([None, "created", "modified", "moved", "default", "all"])


def takes(rule: Rule, path: bytes, kind: str, state: str | None, base: bytes) -> bool:
    """Whether a rule, being alone, takes a path."""
    return RuleSet([rule]).match(path, kind, state, base) is not None


@given(st.lists(RULES, max_size=5), PATHS, st.sampled_from("fdlo?"), STATES, st.sampled_from([b"", b"/d", b"/d/"]))
def test_the_first_that_matches_takes_it_and_default_is_asked_last(
    rules: list[Rule], path: bytes, kind: str, state: str | None, base: bytes
) -> None:
    matching = [place for place, rule in enumerate(rules) if takes(rule, path, kind, state, base)]
    plain = [place for place in matching if rules[place].state != "default"]
    assert RuleSet(rules).match(path, kind, state, base) == next(iter(plain or matching), None)


@given(RULES, PATHS, st.sampled_from("fdlo?"), STATES, st.sampled_from([b"", b"/d"]))
def test_a_rule_asks_for_type_state_include_and_exclude(
    rule: Rule, path: bytes, kind: str, state: str | None, base: bytes
) -> None:
    def globs_match(globs: list[str]) -> bool:
        return any(takes(Rule(include=[glob]), path, "f", None, base) for glob in globs)

    names = {"f": "file", "d": "directory", "l": "symlink"}
    expected = (
        (rule.type == "all" or kind == "?" or names.get(kind) == rule.type)
        and (rule.state in ("all", "default") or rule.state == state)
        and (not rule.include or globs_match(list(rule.include)))
        and not globs_match(list(rule.exclude))
    )
    assert takes(rule, path, kind, state, base) is expected


def test_the_example_of_the_interface() -> None:
    rules = RuleSet([Rule("file", include=["*.tif"], exclude=[".*"]), Rule("all", "default"), Rule("directory")])
    assert rules.match(b"/d/a.tif", "f") == 0
    assert rules.match(b"/d/.a.tif", "f") == 1
    assert rules.match(b"/d/a.tif", "d") == 2
    assert rules.match(b"/d/a.tif", "?") == 0
    assert rules.match(b"/d/a.txt", "o", "moved") == 1
    assert RuleSet([]).match(b"/d/a.tif", "f") is None


@pytest.mark.parametrize(
    ("glob", "path", "base", "expected"),
    [
        ("s/*.tif", b"/d/s/a.tif", b"/d", True),
        ("s/*.tif", b"/d/s/a.tif", b"/d/", True),
        ("s/*.tif", b"/d/t/s/a.tif", b"/d", False),
        ("s/*.tif", b"/d/t/s/a.tif", b"", True),
        ("d/*.tif", b"/d/a.tif", b"/d", False),
        ("d/*.tif", b"/d/a.tif", b"/", True),
        ("d/*.tif", b"/d/a.tif", b"/dd", True),  # not under that base: as if there were none
        ("**/*.tif", b"/d/a.tif", b"/d/a.tif", True),  # the starting path itself
        ("d/*.tif", b"/d/a.tif", b"/d/a.tif", False),
        ("**/s", b"/d/s/", b"/d", True),
        ("/d/**", b"/d/s", b"/d", True),
        ("\udcff/*", b"/d\xfe/\xff/a", b"/d\xfe", True),
        ("s/*", b"/d\n/s/a\nb", b"/d\n", True),
        ("b/*.tif", b"s3://b/a.tif", b"", True),
        ("*/*.tif", b"s3://b/a/x.tif", b"s3://b", True),
    ],
)
def test_where_a_glob_with_a_slash_begins(glob: str, path: bytes, base: bytes, expected: bool) -> None:
    rules = RuleSet([Rule(include=[glob])])
    assert (rules.match(path, "f", None, base) is not None) is expected


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Rule("folder"), "rule type 'folder': it is one of all, file, directory, symlink"),
        (Rule(include=["*.tif", "a["]), r"glob 'a\['"),
        (Rule(exclude=["a//"]), "glob 'a//'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: Rule, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RuleSet([rule])


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="kind 'file'"):
        RuleSet([Rule()]).match(b"/d", "file")


def test_the_rules_here_are_those_that_are_sent() -> None:
    order, rule = RuleOrder(), Rule()
    fields = RuleOrder.__struct_fields__
    assert {name: getattr(order, name) or () for name in fields} == {name: getattr(rule, name) for name in fields}
    assert set(KINDS_OF["all"]) == set(KINDS.values())
