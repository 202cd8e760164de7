"""System messages: their prefix, the buffer that keeps them, and who hears of them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from knockctl_ios.twin.device import times
from knockctl_ios.twin.device.tree import Node

_SIZE = 4096


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message; ``text`` is all of it, ``message`` begins with ``%FACILITY-…``."""

    number: int
    when: float
    text: str
    message: str

    @property
    def severity(self) -> int:
        """From 0, emergencies, to 7, debugging; 6 where the message doesn't say."""
        match = re.match(r"%[\w.]+(?:-[A-Z_]+)?-(\d)-", self.message)
        return int(match.group(1)) if match else 6


@dataclass(slots=True)
class Logs:
    """The messages since the device was started."""

    lines: deque[LogLine] = field(default_factory=deque)
    bytes: int = 0
    count: int = 0
    watchers: list[Callable[[LogLine], None]] = field(default_factory=list)
    """Called with each message, in the order they came in: EEM's place."""

    def write(self, message: str, now: float, running: Node, *, mark: str, booted: float) -> None:
        """Keep a message, and tell whom it concerns."""
        self.count += 1
        text = f"{_prefix(running, self.count, now, mark, booted)}{message}"
        line = LogLine(self.count, now, text, message)
        self.lines.append(line)
        self.bytes += len(text) + 1
        limit = _limit(running)
        while self.bytes > limit and len(self.lines) > 1:
            self.bytes -= len(self.lines.popleft().text) + 1
        for watcher in list(self.watchers):
            watcher(line)

    def clear(self) -> None:
        """Forget what is in the buffer."""
        self.lines.clear()
        self.bytes = 0

    def restart(self) -> None:
        """Begin anew, numbers included."""
        self.clear()
        self.count = 0

    def show(self, running: Node) -> str:
        """Return what ``show logging`` prints."""
        state = "enabled"
        head = (
            f"Syslog logging: {state} (0 messages dropped, 0 messages rate-limited, 0 flushes,"
            " 0 overruns, xml disabled, filtering disabled)\n\n"
            "No Active Message Discriminator.\n\n\n"
            "No Inactive Message Discriminator.\n\n\n"
            f"    Console logging: level debugging, {self.count} messages logged, xml disabled,\n"
            "                     filtering disabled\n"
            "    Monitor logging: level debugging, 0 messages logged, xml disabled,\n"
            "                     filtering disabled\n"
            f"    Buffer logging:  level debugging, {self.count} messages logged, xml disabled,\n"
            "                    filtering disabled\n"
            "    Exception Logging: size (4096 bytes)\n"
            "    Count and timestamp logging messages: disabled\n"
            "    Persistent logging: disabled\n\n"
            f"    Trap logging: level informational, {self.count} message lines logged\n\n"
            f"Log Buffer ({_limit(running)} bytes):\n\n"
        )
        return head + "\n".join(line.text for line in self.lines)


def _limit(running: Node) -> int:
    node = running.child("logging buffered")
    sizes = re.findall(r"\b\d{4,}\b", node.text) if node is not None else []
    return int(sizes[0]) if sizes else _SIZE


def _prefix(running: Node, number: int, now: float, mark: str, booted: float) -> str:
    head = f"{number:06}: " if running.child("service sequence-numbers") else ""
    stamps = running.child("service timestamps log")
    if stamps is None or stamps.text.startswith("no "):
        return head
    if "datetime" not in stamps.text:
        return f"{head}{times.since_boot(now - booted)}: "
    return f"{head}{mark}{times.logged(now, msec='msec' in stamps.text)}: "
