"""The device's time: it can run faster than ours, stand still, and be moved on by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Callback = Callable[[], None]


@dataclass(order=True, slots=True)
class Timer:
    """Something to be done at a moment; ``cancel`` makes it never."""

    when: float
    number: int
    callback: Callback | None = field(compare=False)

    def cancel(self) -> None:
        """Forget what was to be done."""
        self.callback = None


class Clock:
    """Seconds since 1970, ``scale`` times as fast as ours; 0 stands still until ``advance``.

    Timers run in the loop given to ``attach``, or, without one, only in ``advance``. Not for use
    from two threads.
    """

    def __init__(self, start: float | None = None, scale: float = 1.0) -> None:
        """Start at a moment, or, with None, at ours."""
        self._scale = scale
        self._base = time.time() if start is None else start
        self._since = time.monotonic()
        self._timers: list[Timer] = []
        self._numbers = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def scale(self) -> float:
        """How many of the device's seconds pass in one of ours; can be changed at any time."""
        return self._scale

    @scale.setter
    def scale(self, scale: float) -> None:
        self._set(self.now())
        self._scale = scale
        self._arm()

    def now(self) -> float:
        """Return the device's time."""
        return self._base + (time.monotonic() - self._since) * self._scale

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Have something done at a moment of the device's time."""
        timer = Timer(when, next(self._numbers), callback)
        heapq.heappush(self._timers, timer)
        self._arm()
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass at once; every timer on the way sees its own moment."""
        end = self.now() + seconds
        while self._timers and self._timers[0].when <= end:
            self._set(max(self.now(), self._timers[0].when))
            self._run_first()
        self._set(max(end, self.now()))
        self._arm()

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Run timers in this loop from now on, or, with None, in none."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._loop = None, loop
        self._arm()

    def _set(self, moment: float) -> None:
        self._base, self._since = moment, time.monotonic()

    def _run_first(self) -> None:
        timer = heapq.heappop(self._timers)
        if timer.callback is not None:
            timer.callback()

    def _run_due(self) -> None:
        while self._timers and self._timers[0].when <= self.now():
            self._run_first()
        self._arm()

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if self._loop is not None and self._timers and self._scale:
            wait = max(0.0, (self._timers[0].when - self.now()) / self._scale)
            self._alarm = self._loop.call_later(wait, self._run_due)
