"""A twin's time."""

import asyncio

from knockctl.lab.clock import Clock


def test_timers_see_their_own_moments():
    clock, seen = Clock(1000.0, scale=0), []
    for seconds in (3, 1, 2):
        clock.call_at(1000.0 + seconds, lambda: seen.append(clock.now() - 1000))
    clock.call_at(1002.5, seen.clear).cancel()
    clock.advance(5)
    assert [round(moment) for moment in seen] == [1, 2, 3]


def test_a_timer_that_fails_stops_no_other():
    done = asyncio.Event()

    def fail():
        raise RuntimeError("a fault of the twin's")

    async def run():
        loop = asyncio.get_running_loop()
        faults = []
        loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
        clock = Clock(scale=100)
        clock.attach(loop)
        clock.call_at(clock.now() + 1, fail)
        clock.call_at(clock.now() + 2, done.set)
        await asyncio.wait_for(done.wait(), 20)
        clock.attach(None)
        return faults

    assert [str(fault) for fault in asyncio.run(run())] == ["a fault of the twin's"]
