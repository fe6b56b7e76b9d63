"""The ceiling: hand-written scripts over jobs of the same shape, one process, no worker, the same durability.

It is written as one would with the client at hand: ids that grow with time, a body for each job that the script never
reads, one sorted set of what is ready and one of what runs, results with the moment from which they may go, one round
trip for the settling of a batch and the claim of the next. It keeps no listing, no counts, no attempts, no fences, no
cancel and no rules, tells nobody, and runs nothing.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import redis
import redis.asyncio

from workmill.words.names import job_id

BODY = b'["nothing","default",0,{}]{}'
STORE = """
local pairs_, turns = {}, {}
local place = redis.call("INCRBY", "{raw}:place", #ARGV / 2)
for at = 1, #ARGV, 2 do
  pairs_[at], pairs_[at + 1] = ARGV[at], ARGV[at + 1]
  turns[at], turns[at + 1] = place + at, ARGV[at]
end
redis.call("HSET", "{raw}:jobs", unpack(pairs_))
redis.call("ZADD", "{raw}:ready", unpack(turns))
return place
"""
SETTLE_AND_CLAIM = """
local now, ends = tonumber(ARGV[1]), ARGV[2]
local first = 4
if #ARGV >= first then
  local results, expiring = {}, {}
  for at = first, #ARGV do
    local id = ARGV[at]
    results[#results + 1], results[#results + 2] = id, "null"
    expiring[#expiring + 1], expiring[#expiring + 2] = ends, id
  end
  redis.call("ZREM", "{raw}:running", unpack(ARGV, first))
  redis.call("HSET", "{raw}:results", unpack(results))
  redis.call("ZADD", "{raw}:expiring", unpack(expiring))
end
local ids = redis.call("ZRANGE", "{raw}:ready", 0, ARGV[3] - 1)
if #ids == 0 then
  return { ids, ids }
end
local running = {}
for at, id in ipairs(ids) do
  running[2 * at - 1], running[2 * at] = now, id
end
redis.call("ZREM", "{raw}:ready", unpack(ids))
redis.call("ZADD", "{raw}:running", unpack(running))
return { ids, redis.call("HMGET", "{raw}:jobs", unpack(ids)) }
"""
NOTHING = "return 1"


class RawQueue:
    """A queue of scripts and nothing else."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = redis.Redis.from_url(url)
        self._store, self._exchange, self._nothing = map(self._client.script_load, (STORE, SETTLE_AND_CLAIM, NOTHING))

    def enqueue_one(self) -> None:
        """Store one job."""
        self.enqueue_many(1)

    def enqueue_many(self, jobs: int) -> None:
        """Store jobs in one script."""
        now = time.time_ns() // 1_000_000
        arguments = [part for _ in range(jobs) for part in (job_id(now, os.urandom(10)), BODY)]
        self._client.execute_command("EVALSHA", self._store, 0, *arguments)

    def drain(self, jobs: int, *, batch: int) -> None:
        """Claim and settle what is queued, one script for the settling of a batch and the claim of the next."""
        held: list[bytes] = []
        done = 0
        while done < jobs:
            now = time.time_ns() // 1000
            reply = self._client.execute_command("EVALSHA", self._exchange, 0, now, now + 1, batch, *held)
            done += len(held)
            held = reply[0]

    def go_there(self) -> None:
        """Make a bare round trip: a script that does nothing."""
        self._client.execute_command("EVALSHA", self._nothing, 0)

    def awaited_in_turn(self, times: int, ours: Callable[[], Awaitable[object]]) -> tuple[float, float]:
        """Return calls a second of ours and of the same client's awaited bare round trips, called in turn."""
        return asyncio.run(self._awaited_in_turn(times, ours))

    async def _awaited_in_turn(self, times: int, ours: Callable[[], Awaitable[object]]) -> tuple[float, float]:
        seconds = [0.0, 0.0]
        async with redis.asyncio.Redis.from_url(self._url) as client:
            for _ in range(times):
                began = time.perf_counter()
                await ours()
                between = time.perf_counter()
                await client.execute_command("EVALSHA", self._nothing, 0)
                seconds[0] += between - began
                seconds[1] += time.perf_counter() - between
        return times / seconds[0], times / seconds[1]

    def close(self) -> None:
        """Let go of the server."""
        self._client.close()
