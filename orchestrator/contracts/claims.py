"""The right to run what a message hands out: one script takes it, one takes it back, and both see the same keys.

A hand-out is a parcel or an order to walk. It stands under the message's id in its site's hash, written with the
message: first that it is out, then that it is claimed, so that a message that comes twice is run once, and that the
hub can tell what was claimed from what never came here; it goes when the hub has heard of the claim. Claiming also
needs the job's permit, which pausing and cancelling take away before they commit, and the broker's present epoch, which
is new whenever Redis has lost its memory. Where one of these is missing the claim fails: what then lies unclaimed is
handed out again by the hub, in another message.
"""

from collections.abc import Iterable

from orchestrator.contracts import names

OUT, CLAIMED = "out", "claimed"
"""What stands under a message's id."""

CLAIM = f"""
if redis.call('get', KEYS[3]) ~= ARGV[1] then return 'epoch' end
if redis.call('sismember', KEYS[2], ARGV[2]) == 0 then return 'permit' end
if redis.call('hget', KEYS[1], ARGV[3]) ~= '{OUT}' then return 'gone' end
redis.call('hset', KEYS[1], ARGV[3], '{CLAIMED}')
return 'won'
"""

REVOKE = f"""
if ARGV[1] ~= '' then redis.call('srem', KEYS[2], ARGV[1]) end
local back = {{}}
for place = 2, #ARGV do
  if redis.call('hget', KEYS[1], ARGV[place]) == '{OUT}' then
    redis.call('hdel', KEYS[1], ARGV[place])
    back[#back + 1] = ARGV[place]
  end
end
return back
"""


def claim_call(site: str, epoch: int, job: int, message: str) -> tuple[list[str], list[str]]:
    """KEYS and ARGV of CLAIM, for the message of this id."""
    return [*_keys(site), names.EPOCH_KEY], [str(epoch), str(job), message]


def revoke_call(site: str, job: int | None, messages: Iterable[str]) -> tuple[list[str], list[str]]:
    """KEYS and ARGV of REVOKE; without a job its permit stays."""
    return _keys(site), ["" if job is None else str(job), *messages]


def _keys(site: str) -> list[str]:
    return [names.handouts_key(site), names.permits_key(site)]
