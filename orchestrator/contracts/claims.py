"""The right to run what was handed out: one script takes it, one takes it back, and both see the same keys.

A hand-out is a field of its site's hash (task -> attempt), written with its message. Claiming turns the attempt to its
negative, so that a message that comes twice is run once, and that the hub can tell what was claimed from what never
came here; the field goes when the hub has heard of the claim. It also needs the job's permit, which pausing and
cancelling take away before they commit, and the broker's present epoch, which is new whenever Redis has lost its
memory. Where one of these is missing the claim fails: what then lies unclaimed is handed out again by the hub, under
a new attempt.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.contracts import names

CLAIM = """
if redis.call('get', KEYS[3]) ~= ARGV[1] then return {'epoch'} end
if redis.call('sismember', KEYS[2], ARGV[2]) == 0 then return {'permit'} end
local won = {'won'}
for place = 3, #ARGV, 2 do
  if redis.call('hget', KEYS[1], ARGV[place]) == ARGV[place + 1] then
    redis.call('hset', KEYS[1], ARGV[place], '-' .. ARGV[place + 1])
    won[#won + 1] = ARGV[place]
  end
end
return won
"""

REVOKE = """
if ARGV[1] ~= '' then redis.call('srem', KEYS[2], ARGV[1]) end
local back = {}
for place = 2, #ARGV, 2 do
  if redis.call('hget', KEYS[1], ARGV[place]) == ARGV[place + 1] then
    redis.call('hdel', KEYS[1], ARGV[place])
    back[#back + 1] = ARGV[place]
  end
end
return back
"""


@dataclass(frozen=True, slots=True)
class Hand:
    """One hand-out: the field that stands for it, and the attempt under which it was made."""

    field: str
    attempt: int


def task_field(task: int) -> str:
    """The field that stands for a task that is handed out."""
    return str(task)


def walk_field(job: int, subtree: int) -> str:
    """The field that stands for a walk that is handed out."""
    return f"walk:{job}:{subtree}"


def claim_call(site: str, epoch: int, job: int, hands: Iterable[Hand]) -> tuple[list[str], list[str]]:
    """KEYS and ARGV of CLAIM."""
    return [*_keys(site), names.EPOCH_KEY], [str(epoch), str(job), *_pairs(hands)]


def revoke_call(site: str, job: int | None, hands: Iterable[Hand]) -> tuple[list[str], list[str]]:
    """KEYS and ARGV of REVOKE; without a job its permit stays."""
    return _keys(site), ["" if job is None else str(job), *_pairs(hands)]


def _keys(site: str) -> list[str]:
    return [names.handouts_key(site), names.permits_key(site)]


def _pairs(hands: Iterable[Hand]) -> list[str]:
    return [word for hand in hands for word in (hand.field, str(hand.attempt))]
