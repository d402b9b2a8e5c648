"""Edits over real sockets: whole, cut, wrong, too large, twice at once, by whom they are not for."""

import hashlib
import socket

import pytest
from sqlalchemy import text

from orchestrator.api.routes import edits as routes
from orchestrator.stack.wait import wait_until
from tests.integration.api.edit_desk import CONTENT, DIGEST, MIB, SHA256, Desk, add_edit_job, app, desk

__all__ = ["app", "desk"]


def test_edits_come_whole_and_replace_what_was_sent_before(desk: Desk) -> None:
    assert desk.there() == {"received": 0, "sent": None}
    assert desk.put(b"first").status_code == 200
    pieces = (CONTENT[place : place + 70_000] for place in range(0, len(CONTENT), 70_000))
    told = desk.put(pieces, Repr_Digest=DIGEST)
    assert told.status_code == 200, told.text
    sent = told.json()["sent"]
    assert (sent["size"], sent["sha256"], sent["sent_by"]) == (len(CONTENT), SHA256.hexdigest(), "ed")
    assert desk.edits.read_bytes() == CONTENT
    first = f"5 bytes, SHA-256 {hashlib.sha256(b'first').hexdigest()}"
    second = f"{len(CONTENT)} bytes, SHA-256 {SHA256.hexdigest()}"
    assert desk.events() == [("EditsSent", "ed", first), ("EditsSent", "ed", second)]


def test_a_wrong_checksum_is_refused_and_nothing_stays(desk: Desk) -> None:
    refused = desk.put(CONTENT[:-1] + b"?", Repr_Digest=DIGEST)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["place"] == "header Repr-Digest"
    assert not desk.edits.exists()
    assert (desk.received(), desk.events()) == (0, [])
    for header in ({"Repr_Digest": "sha-256=:AAAA:"}, {"Content_Range": "bytes 0-9/*", "Repr_Digest": DIGEST}):
        assert desk.put(b"0123456789", **header).status_code == 422


def test_what_is_too_large_is_refused(desk: Desk) -> None:
    assert desk.put(b"x" * (2 * MIB + 1)).status_code == 413
    assert desk.put(b"x" * MIB for _ in range(3)).status_code == 413
    ranged = {"Content_Range": f"bytes 0-9/{2 * MIB + 1}", "Repr_Digest": DIGEST}
    assert desk.put(b"0123456789", **ranged).status_code == 413
    assert not desk.edits.exists()
    assert desk.put(b"x" * 2 * MIB).status_code == 200


def test_pieces_are_put_together(desk: Desk) -> None:
    total = len(CONTENT)
    for begin, end in ((0, 500_000), (500_000, 500_001), (500_001, total)):
        ranged = {"Content_Range": f"bytes {begin}-{end - 1}/{total}", "Repr_Digest": DIGEST}
        told = desk.put(CONTENT[begin:end], **ranged)
        assert told.status_code == (200 if end == total else 202)
        assert told.json()["received"] == end % total
    assert desk.edits.read_bytes() == CONTENT
    gap = desk.put(b"0123456789", Content_Range=f"bytes 10-19/{total}", Repr_Digest=DIGEST)
    assert gap.status_code == 409
    assert "of this file 0 bytes are there" in gap.json()["detail"]


def test_a_line_that_is_cut_leaves_what_came_and_it_goes_on(desk: Desk) -> None:
    line = desk.begin(desk.address, 1_000_000)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # with a reset
    line.close()
    ranged = {"Content_Range": f"bytes 999000-{len(CONTENT) - 1}/{len(CONTENT)}", "Repr_Digest": DIGEST}

    def goes_on() -> bool:
        """409 as long as the service has not heard that the line was cut."""
        answer = desk.put(CONTENT[999_000:], **ranged)
        assert answer.status_code in (200, 409), answer.text
        return answer.status_code == 200

    assert desk.there()["received"] >= 1_000_000 - 65_536
    if desk.there()["received"] < 999_000:
        ranged["Content_Range"] = f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"
        assert wait_until(lambda: desk.put(CONTENT, **ranged).status_code == 200, 20)
    else:
        assert wait_until(goes_on, 20)
    assert desk.edits.read_bytes() == CONTENT


def test_of_two_at_once_one_comes_in(desk: Desk) -> None:
    with desk.begin(desk.address, 300_000) as line:
        busy = desk.put(b"another")
        assert (busy.status_code, "just coming in" in busy.json()["detail"]) == (409, True)
        line.sendall(CONTENT[300_000:])
        assert line.recv(15) == b"HTTP/1.1 200 OK"
    assert desk.edits.read_bytes() == CONTENT
    assert desk.put(b"another").status_code == 200
    assert desk.edits.read_bytes() == b"another"


def test_who_is_silent_is_ended_and_may_go_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "SILENCE_S", 0.2)
    with desk.begin(desk.address, 300_000) as line:
        line.settimeout(20)
        assert line.recv(12) == b"HTTP/1.1 408"
    there = desk.there()["received"]
    assert there == 300_000
    ranged = {"Content_Range": f"bytes {there}-{len(CONTENT) - 1}/{len(CONTENT)}", "Repr_Digest": DIGEST}
    assert desk.put(CONTENT[there:], **ranged).status_code == 200


def test_only_who_has_it_sends_and_only_while_it_is_downloaded(desk: Desk) -> None:
    assert [desk.put(b"x", who=who).status_code for who in ("eva", "pia", "vic")] == [403, 403, 403]
    for state in ("Prepared", "Uploaded", "Quarantined"):
        desk.be(state=state)
        refused = desk.put(b"x")
        assert (refused.status_code, refused.json()["detail"]) == (
            409,
            f"job {desk.job} is {state}: no edits are taken now",
        )
        assert ("Download" in refused.json()["legal_events"]) == (state == "Prepared")
    desk.be(state="Allocated", claimed_by=None)
    assert desk.put(b"x").json()["legal_events"] == ["Activate"]
    desk.be(state="Downloaded", claimed_by="eva")
    assert desk.put(b"x").status_code == 403
    assert desk.put(b"x", who="eva").status_code == 200
    with desk.as_("ed") as ed:
        assert ed.put("/jobs/999/edits", content=b"x").status_code == 404


def test_a_job_of_another_kind_has_no_edits_and_a_review_takes_none(desk: Desk) -> None:
    with desk.engine.begin() as tx:
        review = add_edit_job(tx, "review", parent_id=desk.job)
        tx.execute(text("insert into workflows (name, version) values ('copy', 1) on conflict do nothing"))
        batch = tx.execute(
            text("""
            insert into jobs (kind, workflow, workflow_version, site, owner, state)
            values ('batch', 'copy', 1, 'london', 'ed', 'Pending') returning id
        """)
        ).scalar_one()
    with desk.as_("ed") as ed:
        assert ed.put(f"/jobs/{review}/edits", content=b"x").status_code == 409
        assert ed.put(f"/jobs/{batch}/edits", content=b"x").status_code == 404
        assert ed.get(f"/jobs/{batch}/package").status_code == 404


@pytest.mark.parametrize("then", ["revoked", "claimed anew"])
def test_what_is_no_longer_wanted_when_it_is_whole_is_not_kept(desk: Desk, then: str) -> None:
    with desk.begin(desk.address, 300_000) as line:
        if then == "revoked":
            desk.be(state="Proposed", claimed_by=None)
        else:
            desk.workspaces.make(desk.job)
        line.sendall(CONTENT[300_000:])
        assert line.recv(12) == b"HTTP/1.1 409"
    assert not desk.edits.exists()
    assert desk.events() == []
