"""What is wrong with a request is told with its place and the reason."""

from httpx import Client, Response


def errors(answer: Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == 422
    return [(fault["place"], fault["reason"]) for fault in document["errors"]]


WRONG_QUERIES = [
    ("limit=0", "?limit", "greater than or equal to 1"),
    ("limit=501", "?limit", "less than or equal to 500"),
    ("limit=x", "?limit", "integer"),
    ("cursor=nonsense", "?cursor", "not a cursor"),
    ("cursor=WzFd%00", "?cursor", "NUL"),
    ("cursor=Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0", "?cursor", "not a cursor"),
    ("cursor=WyJ4Il0", "?cursor", "not a cursor"),
    ("state=Lost", "?state", "has to be one of"),
    ("site=a%00b", "?site", "NUL"),
    ("owner=x&owner=%00", "?owner", "NUL"),
    ("parent=99999999999999999999", "?parent", "less than or equal"),
    ("created_after=yesterday", "?created_after", "has to be a time"),
    ("created_after=2026-01-01T00:00:00", "?created_after", "no time zone"),
    ("colour=red", "?colour", "there is no such parameter"),
]


def test_a_wrong_query_parameter(api: Client):
    for query, place, reason in WRONG_QUERIES:
        [(where, why)] = errors(api.get(f"/api/v1/jobs?{query}"))
        assert (where, reason in why) == (place, True), query


def test_a_parameter_where_there_are_none(api: Client):
    assert errors(api.get("/health/live?deep=1")) == [("?deep", "there is no such parameter")]


WRONG_BODIES = [
    (b"", [("$", "is required")]),
    (b'{"user": "admin",\n  "label" "x"}', [("$", "not JSON: Expecting ':' delimiter (line 2, column 11)")]),
    (b"[1, 2]", [("$", "has to be an object")]),
    (b"{}", [("$.user", "is required")]),
    (b'{"user": "admin", "colour": 1}', [("$.colour", "unknown key")]),
    (b'{"user": "admin", "roles": ["viewer", "king"]}', None),
    (b'{"user": "nobody"}', [("$.user", "there is no user 'nobody'")]),
    (b'{"user": "ad\\u0000min"}', None),
    (b'{"user": "\\ud800"}', None),
    (b"\xff\xfe{}", None),
    (b"[" * 100_000, None),
]


def test_a_wrong_body(api: Client):
    for body, expected in WRONG_BODIES:
        found = errors(api.post("/api/v1/keys", content=body, headers={"Content-Type": "application/json"}))
        assert found
        assert expected in (None, found)


def test_the_place_of_a_role_is_told(api: Client):
    found = errors(api.post("/api/v1/keys", json={"user": "admin", "roles": ["viewer", "king"]}))
    assert [place for place, _ in found] == ["$.roles[1]"]


def test_a_body_that_does_not_say_that_it_is_json_is_415(api: Client):
    answer = api.post("/api/v1/keys", content=b'{"user": "admin"}', headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
