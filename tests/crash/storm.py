"""A load with kills at random moments. Nothing here waits for time: a kill falls after a number of records."""

import asyncio

from tests.crash.load import Load
from tests.crash.system import System

CONCURRENT_JOBS = 20
WORKER_KILL_SHARE = 0.3
MOST_RECORDS_BEFORE_A_KILL = 400


class Storm:
    """The load and the kills.

    Args:
        system: What is killed.
        choose: Draws what is done, and when a kill falls.
        kills: How many.
        jobs: How many are under way at a time.
        most_records: Most records of the load between two kills.

    Attributes:
        load: What is done meanwhile.
    """

    def __init__(self, system, choose, kills, *, jobs=CONCURRENT_JOBS, most_records=MOST_RECORDS_BEFORE_A_KILL):
        self._choose = choose
        self._system = system
        self._kills = kills
        self._jobs = jobs
        self._most_records = most_records
        self.load = Load(system, choose)

    async def rage(self):
        """Kills again and again while the load goes on, then lets the load come to its end."""
        async with self.load.going_on(self._jobs):
            for _ in range(self._kills):
                await self._system.more(self._choose.randrange(1, self._most_records))
                await self._kill()

    async def _kill(self):
        recorder = self._system.recorder
        if self._choose.random() < WORKER_KILL_SHARE and await self._system.server.kill_worker(recorder):
            return
        await self._system.kill()
        await self._system.start()


async def recorded_storm(directory, choose, kills):
    """Lets a storm pass over a new system; returns its logs and the load."""
    async with asyncio.timeout(60 + 8 * kills):
        async with System(directory) as system:
            await system.start()
            storm = Storm(system, choose, kills)
            await storm.rage()
            await system.settle()
            assert await system.server.stop() == 0
        return system.logs(), storm.load
