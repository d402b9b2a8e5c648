"""Every invariant, and how it is watched over: here by a query, by the schema, or by a test elsewhere."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """One invariant of the design."""

    id: str
    what: str
    how: str
    """What these queries see of it, and what else holds it up."""


PROMISES = (
    Promise("I1", "no task is lost", "every open task is in exactly one place from which it goes on; no lapsed lease"),
    Promise("I2", "an end is never left", "triggers are there and enabled; no history leaves an end"),
    Promise("I3", "every job that nobody holds ends", "asked once faults are over (settled); the bound: by tests"),
    Promise("I4", "counters equal rows", "every counter of steps, jobs and walks, counted again"),
    Promise("I5", "each path has one outcome", "sums, bitmaps and rows of outcomes agree; one row a path: primary key"),
    Promise("I6", "a report counts under the present attempt only", "hand-outs have it; the fence: by tests"),
    Promise("I7", "attempts only grow; tries and crashes are capped", "attempts cover both, tries stay in the policy"),
    Promise("I8", "steps follow each other", "nothing is given or open beyond a step that has not ended well"),
    Promise("I9", "cancelled is cancelled", "nothing is open in an ended job, nothing handed out since the request"),
    Promise("I10", "paused is paused", "nothing is with a site, nothing handed out since the request"),
    Promise("I11", "messages have rows", "ready and handed out is only what may be; the message: by tests"),
    Promise("I12", "paths are conserved", "found = batches + troubles; ended = found; batches: unique key"),
    Promise("I13", "everything is bounded", "crashes of a task, by its paths; queues and streams: by tests"),
    Promise("I14", "a site reaches its own only", "a hand-out is at its step's site; credentials: by tests"),
    Promise("I15", "who did it is written down", "pause, resume and cancel name somebody"),
    Promise("I16", "clocks of two machines are not compared", "by tests with a clock set wrong"),
    Promise("I17", "every history is a legal walk", "numbers without gaps, edges of the machine, up to the state"),
    Promise("I18", "what was answered survives", "by tests that kill and ask again"),
)
