"""Frames from wire to kernel and back, in the loop that serves the device."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass

from knockctl.lab.plane import wires
from knockctl.lab.plane.answers import rejection
from knockctl.lab.plane.frames import ETHERNET, Malformed, parse
from knockctl.lab.plane.judging import Judge
from knockctl.lab.plane.wires import Wire

_AT_ONCE = 64
"""Frames of one side before the other side, and management, have their turn."""


@dataclass(slots=True)
class Port:
    """One interface of the device. Without power, or disabled, it hears and says nothing."""

    wire: Wire
    judge: Judge

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forward from now on."""
        loop.add_reader(self.wire.outside.fileno(), self._inward)
        loop.add_reader(self.wire.inside, self._outward)

    def _inward(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                data = self.wire.outside.recv(wires.LONGEST)
                if self._ours(data[wires.HEADER :]) and self._passes(data[wires.HEADER :]):
                    _write(self.wire.inside, data)

    def _outward(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                data = os.read(self.wire.inside, wires.LONGEST)
                if self.judge.hears(self.wire.name):
                    self._note(data[wires.HEADER :])
                    _write(self.wire.outside.fileno(), data)

    def _ours(self, frame: bytes) -> bool:
        """Tell whether a frame is for this device, or for everybody."""
        if len(frame) <= ETHERNET or not self.judge.hears(self.wire.name):
            return False
        return frame[:6] == self.wire.hardware or bool(frame[0] & 1)

    def _passes(self, frame: bytes) -> bool:
        try:
            seen = parse(frame, self.wire.name)
        except Malformed:
            return False
        if seen is None:
            return True
        seen = self.judge.addressed(seen)
        found = self.judge.judge(seen)
        if found.answer is not None:
            answer = rejection(frame, seen, found.answer)
            if answer is not None:
                _write(self.wire.outside.fileno(), bytes(wires.HEADER) + answer)
        return found.accepted

    def _note(self, frame: bytes) -> None:
        with contextlib.suppress(Malformed):
            seen = parse(frame, self.wire.name)
            if seen is not None:
                self.judge.sent(seen)


def _write(number: int, data: bytes) -> None:
    """Send a frame; what the other side can't take now is lost, as on any wire."""
    with contextlib.suppress(OSError):
        os.write(number, data)
