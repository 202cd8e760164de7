"""A running script: it can wait, and while it does the router goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from knockctl.lab.clock import Clock, Timer
from knockctl_routeros.twin.device.traps import INTERRUPTED, Trap


class Process:
    """Drives a script, which yields the seconds it wants to wait, until it ends or is killed."""

    def __init__(self, clock: Clock, steps: Iterator[float]) -> None:
        """Take a script, not yet started."""
        self._clock = clock
        self._steps = steps
        self._timer: Timer | None = None
        self._watchers: list[Callable[[], None]] = []
        self.ended = False
        self.trap: Trap | None = None

    def start(self) -> None:
        """Run up to the first wait."""
        self._step()

    def kill(self) -> None:
        """End it where it is, at its next wait; ``trap`` says that it was interrupted."""
        if not self.ended:
            if self._timer is not None:
                self._timer.cancel()
            self._end(Trap("interrupted", INTERRUPTED))

    def then(self, callback: Callable[[], None]) -> None:
        """Have something done at the end, at once if that has come."""
        if self.ended:
            callback()
        else:
            self._watchers.append(callback)

    def _step(self) -> None:
        try:
            wait = next(self._steps)
        except StopIteration:
            self._end(None)
        except Trap as trap:
            self._end(trap)
        else:
            if self.ended:
                return
            self._timer = self._clock.call_at(self._clock.now() + wait, self._step)

    def _end(self, trap: Trap | None) -> None:
        self.ended, self.trap = True, trap
        for callback in self._watchers:
            callback()
