"""Why a job or a task does not move: read from what the hub itself decides by."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, text

from orchestrator.contracts.views import Cause, Why
from orchestrator.domain.batch_job import JobState
from orchestrator.domain.chain import STEP_MASK, step_of
from orchestrator.domain.discovery import DISCOVERY
from orchestrator.domain.health import GONE_AFTER_S
from orchestrator.domain.kinds import ENDS
from orchestrator.domain.task import TASK, TaskState
from orchestrator.errors import NotFound
from orchestrator.storage.queries.holds import holds_of
from orchestrator.storage.queries.why_limits import limit_causes
from orchestrator.storage.queries.why_people import WHEN, anyone, asked_people, decision, people_causes
from orchestrator.storage.queries.why_schedule import schedule_causes

_NAMED = 3
SILENT_S = 6
"""Workers speak every 5 s: what is silent for longer may be gone."""

_JOB = text("""
    select j.id, j.kind, j.state, j.reason, j.started_at, j.site, j.queue, j.workflow, j.owner, j.not_before,
      j.max_running, j.not_before > clock_timestamp() as early, d.state as discovery,
      d.queue as discovery_queue, d.site as discovery_site, p.open_tasks, p.out, p.total, d.waiting, d.running,
      st.lines as streamed,
      (select count(*) from walks w
       where w.job_id = j.id and w.ended_at is null and w.handed_at is not null) as walking,
      exists (select from later l where l.job_id = j.id) as later,
      (select bool_and(w.by_hub) from walks w where w.job_id = j.id and w.ended_at is null) as by_hub,
      h.actor, h.at, h.reason as said
    from jobs j
    left join discoveries d on d.job_id = j.id
    left join progress p on p.job_id = j.id
    left join streams st on st.job_id = j.id and st.closed_at is null
    left join lateral (
      select actor, at, reason from history
      where job_id = j.id and event in ('PauseRequested', 'CancelRequested') order by seq desc limit 1
    ) h on true
    where j.id = :job and j.pruned_at is null
""")

_LANES = text("""
    select s.site, s.queue, s.function, s.action, sum(s.pending)::bigint as pending,
      (select count(*) from parcels p join handouts h on h.parcel = p.id
       where p.job_id = :job and p.site = s.site and p.queue = s.queue and p.function = s.function) as out,
      (select extract(epoch from clock_timestamp() - min(p.heard_at))::int from parcels p
       where p.job_id = :job and p.site = s.site and p.queue = s.queue and p.function = s.function) as silent_s,
      exists (select from ready r where r.site = s.site and r.queue = s.queue and r.function = s.function
         and r.job_id = :job) as ready,
      (select count(*) from nodes n where n.site = s.site and n.function = s.function and s.queue = any(n.queues)
         and n.deaf and n.left_at is null and n.last_heard > clock_timestamp() - make_interval(secs => :gone)) as deaf,
      bool_or(s.waits) as waits
    from job_steps s where s.job_id = :job and s.function <> 'people' group by s.site, s.queue, s.function, s.action
    order by min(s.step), s.site
""")

_TASK = text("""
    select t.id, t.job_id, t.rule, t.state, t.attempt, t.tries, t.crashes, t.given, t.worker, t.started_at,
      t.suspect_bits is not null as hunted, s.site, s.queue, s.function, s.action, s.waits,
      r.task_id is not null as ready, l.run_after,
      p.claimed_at, p.handed_at, p.heard_at, p.node,
      extract(epoch from clock_timestamp() - p.heard_at)::int as silent_s,
      k.hold_id, a.task_id is not null as asked, a.claimed_by, a.claim_until, a.due_at
    from tasks t
    join job_steps s on s.job_id = t.job_id and s.rule = t.rule and s.step = (t.id & :mask)
    left join ready r on r.site = s.site and r.queue = s.queue and r.function = s.function
      and r.job_id = t.job_id and r.task_id = t.id
    left join asks a on a.task_id = t.id
    left join later l on l.job_id = t.job_id and l.task_id = t.id
    left join held_tasks k on k.job_id = t.job_id and k.task_id = t.id
    left join handouts h on h.task_id = t.id
    left join parcels p on p.id = h.parcel
    where t.id = :task
""")

_LANE = text("""
    select s.enabled, s.draining, s.last_heard,
      coalesce(sum(n.concurrency), 0)::int as slots, count(n.node)::int as nodes,
      count(n.node) filter (where :action = any(n.actions))::int as offering,
      array_agg(n.node order by n.node) filter (where not :action = any(n.actions)) as lacking,
      count(n.node) filter (where n.deaf)::int as deaf,
      (select count(*) from parcels p
       where p.site = :site and p.queue = :queue and p.function = :function)::int as out,
      array(select p.job_id || ' (' || count(*) || ')' from parcels p join handouts h on h.parcel = p.id
        where p.site = :site and p.queue = :queue and p.function = :function
        group by p.job_id order by count(*) desc limit 5) as jobs
    from sites s
    left join nodes n on n.site = s.name and n.left_at is null and not n.draining and :queue = any(n.queues)
      and n.function = :function and n.last_heard > clock_timestamp() - make_interval(secs => :silent)
    where s.name = :site group by s.name, s.enabled, s.draining, s.last_heard
""")


_DEPENDS = text("""
    select d.on_job, d.wanted, j.state from dependencies d left join jobs j on j.id = d.on_job
    where d.job_id = :job and d.settled_at is null order by d.on_job
""")

_STANCES = text("""
    select queue, function, disabled, draining from stances
    where site = :site and queue in ('', :queue) and function in ('', :function) order by 1, 2
""")


def why_job(tx: Connection, job: int) -> Why:
    """Every known reason why the job does not move on. NotFound when there is no such job."""
    row = tx.execute(_JOB, {"job": job}).one_or_none()
    if row is None:
        raise NotFound(f"there is no job {job}")
    causes = (
        _job_state(row), _held_back(tx, row), limit_causes(tx, row), people_causes(tx, row), _discovery(tx, row),
        _lanes(tx, row), schedule_causes(tx, row.id),
    )  # fmt: skip
    return Why(items=[cause for some in causes for cause in some])


def why_task(tx: Connection, task: int) -> Why:
    """Every known reason why the task does not move on. NotFound when there is no such task."""
    row = tx.execute(_TASK, {"task": task, "mask": STEP_MASK}).one_or_none()
    if row is None:
        raise NotFound(f"there is no task {task}")
    job = tx.execute(_JOB, {"job": row.job_id}).one()
    if row.state in TASK.terminal:
        return Why(items=[_cause("ended", f"it has ended: {row.state}", "nothing: an end is never left")])
    # What a hold of its paths stops is told by the hold alone.
    limited = limit_causes(tx, job, row.action) if row.ready else ()
    own = [*limited, *_task(tx, row)] if row.hold_id is None else ()
    return Why(items=[*_job_state(job), *_held_back(tx, job, row), *own])


def _cause(cause: str, detail: str, frees: str) -> Cause:
    return Cause(cause=cause, detail=detail, frees=frees)


def _job_state(row: Row[Any]) -> Iterator[Cause]:
    by = f" by {row.actor} at {row.at:{WHEN}}" if row.actor else ""
    said = f": {row.said}" if row.said else ""
    if row.state in ENDS:
        yield _cause("ended", f"job {row.id} has ended: {row.state}", "nothing: it is done with")
    elif row.state == JobState.PAUSED:
        yield _cause("paused", f"job {row.id} was paused{by}{said}", f"orchestrator resume {row.id}")
    elif row.state == JobState.PAUSING:
        what = f"{row.out} tasks and {row.walking} walks are being finished"
        yield _cause("pausing", f"job {row.id} is being paused{by}{said}; {what}", f"orchestrator resume {row.id}")
    elif row.state == JobState.DEQUEUING and row.open_tasks is not None:
        what = f"{row.open_tasks - row.out} tasks are being taken out, {row.out} are being stopped"
        yield _cause("dequeuing", f"job {row.id} is being cancelled{by}{said}; {what}", "nothing: it ends by itself")


def _held_back(tx: Connection, row: Row[Any], task: Row[Any] | None = None) -> Iterator[Cause]:
    if row.state in ENDS:
        return
    if row.early:
        yield _cause("not_before", f"job {row.id} is not to begin before {row.not_before:{WHEN}}", "time")
    for one in tx.execute(_DEPENDS, {"job": row.id}):
        detail = f"job {row.id} may not begin until job {one.on_job} is at least {one.wanted}; it is {one.state}"
        yield _cause("waits_for_job", detail, f"job {one.on_job}; why it does not move: orchestrator why {one.on_job}")
    for hold in holds_of(tx, [row]).get(row.id, []):
        if task is not None and "path_prefix" in hold.scope and hold.id != task.hold_id:
            continue  # it stops others of the job
        what = ", ".join(f"{name} {value}" for name, value in hold.scope.items() if name != "path_prefix_b64")
        detail = f"{what} is held by {hold.author} since {hold.at:{WHEN}}: {hold.reason}"
        frees = f"orchestrator hold release {hold.id}" + (f", or {hold.until:{WHEN}}" if hold.until else "")
        yield _cause("held" if hold.kind == "manual" else f"held_by_{hold.kind}", detail, frees)


def _discovery(tx: Connection, row: Row[Any]) -> Iterator[Cause]:
    if row.state in ENDS or row.discovery is None or row.discovery in DISCOVERY.terminal:
        return
    if row.streamed is not None:
        yield _cause(
            "stream_open",
            f"its paths are streamed, {row.streamed:,} lines so far, and more may come",
            f"its sender, who closes the stream (`orchestrator stream {row.id}`, or POST .../paths?close=true)",
        )
    elif row.by_hub:
        found = f"the hub goes through what there is to find: {row.total:,} paths so far"
        yield _cause("discovery_runs", found, "nothing: the job can not end before discovery has")
    elif not row.running and not row.walking:
        yield from _lane(tx, row.discovery_site, row.discovery_queue, "discovery", None)
        yield _cause("discovery_waits", "discovery waits for a walker", "a free discovery worker at the site")
    else:
        found = f"discovery is {row.discovery}: {row.total:,} paths found so far"
        yield _cause("discovery_runs", found, "nothing: the job can not end before discovery has")


def _lanes(tx: Connection, row: Row[Any]) -> Iterator[Cause]:
    if row.state in ENDS:
        return
    yield from asked_people(tx, row)
    for lane in tx.execute(_LANES, {"job": row.id, "gone": GONE_AFTER_S}):
        name = f"{lane.site}.{lane.queue}.{lane.function}"
        if lane.out and lane.deaf:
            yield _deaf(name, lane.deaf)
        if lane.out and lane.silent_s > SILENT_S:
            detail = (
                f"{lane.out} tasks of {lane.action} are with {name}; of some nothing was heard for {lane.silent_s} s"
            )
            yield _cause(
                "silent", detail, "news of their worker, or the end of their lease: they are then handed out again"
            )
        elif lane.out:
            yield _cause("running", f"{lane.out} tasks of {lane.action} are with {name}", "nothing: they are worked on")
        elif lane.ready:
            yield from _lane(tx, lane.site, lane.queue, lane.function, lane.action)
        elif lane.pending and lane.waits and row.discovery not in DISCOVERY.terminal:
            yield _cause(
                "waits_for_discovery",
                f"{lane.action} changes a folder that is being walked, and waits until discovery has ended",
                "the end of discovery",
            )
    if row.later:
        yield _cause("retry", "tasks of it have failed, and are tried again after a while", "time")


def _task(tx: Connection, row: Row[Any]) -> Iterator[Cause]:
    if row.hunted:
        yield _cause(
            "crashed",
            f"its process died {row.crashes} times: it is tried by halves, to find the path that kills it",
            "nothing: the path that is to blame ends alone, the others go on",
        )
    if row.asked:
        detail = f"it waits for {anyone(row.queue)}"
        if row.claimed_by is not None:
            detail = f"{row.claimed_by} has claimed it, until {row.claim_until:{WHEN}}"
        yield _cause("waits_for_people", detail, decision(row.queue, row.due_at))
    elif row.state == TaskState.STARTED:
        since = f"{row.started_at:%H:%M:%S} UTC" if row.started_at else "just now"
        detail = f"it runs on {row.worker} since {since}; last heard of {row.silent_s or 0} s ago"
        yield _cause("running", detail, "nothing: it is worked on")
    elif row.claimed_at is not None:
        detail = f"it is with {row.node}, among tasks that are done one after the other"
        yield _cause("queued", detail, "the end of those before it; when they take long it is handed out again")
    elif row.handed_at is not None:
        detail = f"it was handed to {row.site}.{row.queue}.{row.function} at {row.handed_at:%H:%M:%S} UTC"
        yield _cause("queued", f"{detail} and waits for a free process", "a process that becomes free")
        yield from _lane(tx, row.site, row.queue, row.function, row.action)
    elif row.run_after is not None:
        detail = f"it failed {row.tries} times and is tried again at {row.run_after:{WHEN}}"
        yield _cause("retry", detail, "time")
    elif row.ready:
        yield from _lane(tx, row.site, row.queue, row.function, row.action)
    elif row.waits and row.given:
        yield _cause("waits_for_discovery", "it changes a folder that is being walked", "the end of discovery")
    elif step_of(row.id):
        before = tx.execute(_TASK, {"task": row.id - 1, "mask": STEP_MASK}).one_or_none()
        if before is not None:
            detail = f"it waits for step {step_of(before.id)} (task {before.id}, {before.state})"
            yield _cause("waits_for_step", detail, f"the end of task {before.id}")
            yield from _task(tx, before)


def _lane(tx: Connection, site: str, queue: str, function: str, action: str | None) -> Iterator[Cause]:
    """What keeps a lane from taking something."""
    asked = {"site": site, "queue": queue, "function": function, "action": action, "silent": GONE_AFTER_S}
    lane, name = tx.execute(_LANE, asked).one_or_none(), f"{site}.{queue}.{function}"
    if lane is None:
        yield _cause("no_site", f"nothing was ever heard of site {site}", f"start the workers of {site}")
        return
    if not lane.enabled:
        yield _cause("site_disabled", f"site {site} is disabled", f"orchestrator site enable {site}")
    if lane.draining:
        yield _cause("site_draining", f"site {site} is being drained", f"orchestrator site enable {site}")
    for row in tx.execute(_STANCES, asked):
        yield _closed(site, row)
    if not lane.nodes:
        heard = f"{site} was last heard of at {lane.last_heard:{WHEN}}" if lane.last_heard else ""
        yield _cause(
            "no_worker", f"no worker serves {name}; {heard}", f"start a worker of {site} for {queue}, {function}"
        )
    elif action is not None and lane.offering < lane.nodes:
        lacking = ", ".join(lane.lacking[:_NAMED]) + (" ..." if len(lane.lacking) > _NAMED else "")
        detail = f"{action} is offered by {lane.offering} of the {lane.nodes} workers of {name}, and not by {lacking}"
        yield _cause("action_missing", detail, f"install the plugin of {action} on all of them")
    if lane.deaf:
        yield _deaf(name, lane.deaf)
    elif lane.nodes and lane.out >= lane.slots:
        detail = f"{name} is busy: {lane.out} parcels with its {lane.slots} processes, of jobs {', '.join(lane.jobs)}"
        yield _cause("busy", detail, "the end of one of them, or a higher priority")


def _closed(site: str, row: Row[Any]) -> Cause:
    """A part of a site that is given nothing."""
    words = [("queue", row.queue), ("function", row.function)]
    part = ", ".join(f"{word} {value}" for word, value in words if value)
    options = " ".join(f"--{word} {value}" for word, value in words if value)
    cause, how = ("part_draining", "is being drained") if row.draining else ("part_disabled", "is disabled")
    return _cause(cause, f"{part} of site {site} {how}", f"orchestrator site enable {site} {options}")


def _deaf(name: str, workers: int) -> Cause:
    detail = f"{workers} of the workers of {name} are there, but nothing that is sent to them arrives"
    return _cause("deaf", detail, "their restart: they have been asked for it, and their supervisor starts them again")
