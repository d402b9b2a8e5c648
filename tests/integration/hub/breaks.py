"""What breaks each of the invariants: statements, some of which are each enough."""

from collections.abc import Mapping, Sequence

ONE_READY = "(select min(task_id) from ready)"
CLAIMED = "(select min(task_id) from handouts h join parcels p on p.id = h.parcel where claimed_at is not null)"
SENT = "(select min(task_id) from handouts h join parcels p on p.id = h.parcel where claimed_at is null)"
PARCEL = "id = (select parcel from handouts where task_id = {0})"
IN_PARTS = "(select min(id) from tasks where settled_bits is not null)"
DONE = "(select min(id) from tasks where state = 'Success' and (id & 63) = 0)"
WAITING = "(select max(id) from tasks where state = 'Pending' and (id & 63) = 1)"
UNGUARDED = "alter table {0} disable trigger {0}_ends"

_JOB = "insert into jobs (id, owner, kind, state, claimed_by, parent_id) values ({}, 'me', '{}', '{}', {}, {})"
_EDIT = """
    insert into edit_jobs (job_id, job_type, job_type_version, mode, quarantine, stage, go_on_at)
    values ({}, 'roads', 1, 'manual', false, {})
"""


def edit(state: str, claimed: str = "'ed'", id: int = -9, kind: str = "edit", more: str = "null, null") -> list[str]:
    """An edit job in a state, with its stage and the moment from which it goes on."""
    job_type = [
        "insert into job_types (name, version) values ('roads', 1)",
        "insert into job_type_versions (job_type, version, definition, created_by) values ('roads', 1, '{}', 'me')",
    ]
    parent = "null" if kind == "edit" else "-9"
    return [
        *(job_type if kind == "edit" else []),
        _JOB.format(id, kind, state, claimed, parent),
        _EDIT.format(id, more),
    ]


BREAKS: Mapping[str, Sequence[Sequence[str]]] = {
    "an open task is ready, with a site or people, or waits for the step before it or discovery": [
        [f"delete from ready where task_id = {ONE_READY}"],
        [f"delete from handouts where task_id = {CLAIMED}"],
        [f"insert into later select job_id, task_id, now() from ready where task_id = {ONE_READY}"],
        [
            ("insert into ready select site, queue, function, job_id, task_id from handouts h "
            f"join parcels p on p.id = h.parcel where task_id = {SENT}")
        ],
        ["update job_steps set waits = true"],
    ],
    "a lease that has lapsed is judged": [
        [f"update parcels set heard_at = heard_at - interval '80 s' where {PARCEL.format(CLAIMED)}"],
        ["update walks set heard_at = heard_at - interval '80 s' where state = 'Running'"],
    ],
    "a step's counters are its tasks": [
        ["update job_steps set pending = pending + 1"],
        [UNGUARDED.format("tasks"), f"update tasks set state = 'Error' where id = {DONE}"],
    ],
    "a discovery's counters are its walks": [["update discoveries set waiting = waiting + 1"]],
    "a discovery is what its walks are together": [["update discoveries set state = 'Closed'"]],
    "what is handed out has the present attempt": [[f"update tasks set attempt = attempt + 1 where id = {SENT}"]],
    "each try and each death had an attempt, and tries are capped": [
        [f"update tasks set crashes = attempt + 1 where id = {DONE}"],
        [f"update tasks set attempt = 10, tries = 3 where id = {DONE}"],
    ],
    "a step begins after the one before it has ended well": [
        [f"update tasks set given = 1 where id = {WAITING}"],
        [f"update tasks set state = 'Failure' where id = {WAITING} - 1"],
        [
            UNGUARDED.format("tasks"),
            f"update tasks set state = 'Pending', given = 0, processed = 0 where id = {DONE} + 1",
        ],
    ],
    "what is ready is pending, in a job that runs, in its step's lane": [
        [f"update tasks set state = 'Started' where id = {ONE_READY}"],
        [f"update ready set site = 'rome' where task_id = {ONE_READY}"],
        [f"update ready set task_id = 1 where task_id = {ONE_READY}"],
        ["update jobs set ended_at = now()"],
    ],
    "what is tried again later is pending, in a job that runs": [
        [f"insert into later select job_id, id, now() from tasks where id = {DONE}"],
        ["insert into later values (:running, 1, now())"],
    ],
    "what is kept back is pending, in a job that runs, by a hold that says so": [
        [f"insert into held_tasks select job_id, id, 1 from tasks where id = {DONE}"],
        ["insert into held_tasks values (:running, 1, 1)"],
    ],
    "what is handed out has not ended, and has begun only if it was claimed": [
        [f"update parcels set claimed_at = null where {PARCEL.format(CLAIMED)}"],
        [f"update tasks set state = 'Skipped' where id = {SENT}"],
    ],
    "people are asked only for what is theirs, and have begun only with what one has claimed": [
        [f"insert into asks (task_id, job_id, rule, group_name) select id, job_id, 0, '' from tasks where id = {DONE}"]
    ],
    "what is handed out is in a parcel": [
        [f"delete from parcels where {PARCEL.format(CLAIMED)}"],
        [f"update handouts set parcel = 'another' where task_id = {SENT}"],
    ],
    "deaths are few: a logarithm of halvings for each path that is settled": [
        [f"update tasks set attempt = 90, crashes = 19 where id = {IN_PARTS}"]
    ],
    "a task is at its step's site": [[f"update parcels set site = 'rome' where {PARCEL.format(SENT)}"]],
    "a job's counters are its rows": [
        [f"update progress set {counter} = {counter} + 1"]
        for counter in ("open_tasks", "bad_tasks", "out", "failed", "aborted", "processed")
    ],
    "what a task was given has come to an outcome at its end": [
        [f"update tasks set processed = processed - 1 where id = {DONE}"],
        [f"update tasks set processed = processed - 1, failed = failed + 1 where id = {DONE}"],
    ],
    "which paths are given, settled, suspected and tried fits together": [
        [f"update tasks set {bits} where id = {IN_PARTS}"]
        for bits in (
            r"given_bits = '\x01'", "settled_bits = null", "suspect_bits = settled_bits", r"passed_bits = '\xff'",
            r"settled_bits = '\xff'", r"given = 3, given_bits = '\x1c'",
        )
    ] + [[f"update handouts set tried_bits = '\\xff' where task_id = {IN_PARTS}"]],
    "what was not processed has a row for each path": [
        [
            f"insert into outcomes select job_id, id, 0, 'failed', 'a', 'b', 'c', 'd' from tasks where id = {DONE}"
        ],
        ["delete from outcomes where outcome = 'failed'"],
    ],
    "a task is given what passed the step before it": [
        [f"update tasks set given = given + 1 where id = {DONE} + 1"],
    ],
    "each batch has its chain, and the chain all its paths": [
        [f"delete from tasks where id = {WAITING}"],
        [f"delete from tasks where id = {WAITING} - 1"],
        ["update batches set n = n + 1"],
        ["insert into batches (job_id, rule, subtree, sequence, n, paths) values (:running, 0, 0, 1000, 1, '')"],
    ],
    "batches are numbered up to where their walk is": [
        ["update walks set sequence = sequence - 1"],
        ["update batches set subtree = 7"],
    ],
    "what was found is what is in batches, and the troubles": [
        ["update progress set total = total + 1"],
        ["update progress set troubles = troubles + 1"],
    ],
    "a job's paths come to one end each": [
        ["update progress set cancelled = cancelled + 1 where job_id = :ended"],
        ["update progress set skipped = total + 1 where job_id = :running"],
        ["update progress set processed = processed - 1 where job_id = :ended"],
    ],
    "the triggers that guard the ends are on": [
        [UNGUARDED.format("walks")],
        ["drop trigger jobs_ends on jobs"],
    ],
    "what has ended has the time of its end, and nothing else has": [
        ["update jobs set ended_at = null where id = :ended"],
        [f"update tasks set ended_at = now() where id = {WAITING}"],
        ["update walks set ended_at = null where job_id = :ended"],
    ],
    "nothing happens after the end": [
        ["insert into history values (:ended, 99, now(), 'me', 'Resumed', 'Success', 'Started')"],
    ],
    "every job that nobody holds has ended": [["select 1"]],
    "nothing of an ended job is open or with a site": [
        ["update jobs set state = 'Cancelled', ended_at = now() where id = :running"],
        [f"update parcels set job_id = :ended where {PARCEL.format(SENT)}"],
    ],
    "nothing is handed out after cancel was asked for": [
        [
            "update jobs set state = 'Dequeuing' where id = :running",
            "insert into history values (:running, 9, '2020-01-01', 'me', 'CancelRequested')",
        ],
    ],
    "nothing of a paused job is with a site": [
        ["update jobs set state = 'Paused' where id = :running", "delete from parcels"],
        [
            "update jobs set state = 'Paused' where id = :running",
            "update walks set handed_at = null, state = 'Stopped' where job_id = :running",
        ],
    ],
    "nothing is handed out after pause was asked for": [
        [
            "update jobs set state = 'Pausing' where id = :running",
            "insert into history values (:running, 9, '2020-01-01', 'me', 'PauseRequested')",
        ],
    ],
    "nothing is handed out after the job was held": [
        ["insert into holds (job_id, reason, author, at) values (:running, 'a look', 'me', '2020-01-01')"],
    ],
    "a job that is past its deadline is being cancelled": [
        ["update jobs set deadline = now() - interval '1 h' where id = :running"],
    ],
    "a job waits for as many others as it depends on and have not come so far": [
        ["update jobs set awaits = 1 where id = :running"],
        ["insert into dependencies (job_id, on_job, wanted) values (:running, :ended, 'Success')"],
    ],
    "every entry of a history and of the audit says who": [
        ["update history set actor = '' where seq = 1"],
        ["insert into audit (actor, action, subject) values (' ', 'site.drain', 'london')"],
    ],
    "a history goes along the machine's edges, without a gap": [
        ["update history set seq = seq + 5 where seq = 2"],
        ["update history set event = 'Drained' where seq = 2"],
        ["update history set from_state = 'Paused' where seq = 2"],
        ["delete from history where seq = 1", "update history set seq = seq - 1"],
    ],
    "an edit job in the system's hands goes on, and no other has a step": [
        edit("Uploaded"),
        edit("Uploaded", more="'validating', null"),
        edit("Downloaded", more="'validating', now()"),
    ],
    "an edit job that waits does so for one job that can end it": [
        edit("Invalid"),
        [*edit("Invalid"), *edit("Allocated", "null", -8, "review")],
    ],
    "no job is left behind by the edit job that it is for": [
        [*edit("Downloaded"), *edit("Allocated", "null", -8, "correction")],
    ],
    "an edit job is claimed from its activation on, and not before": [
        edit("Allocated"),
        edit("Downloaded", "null"),
    ],
    "a job is in the state that its history leads to": [["update jobs set state = 'Pausing' where id = :running"]],
}  # fmt: skip
