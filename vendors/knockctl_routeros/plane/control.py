"""A socket by which tests break things: JSON objects, a line each, answered line by line.

=============  =================================================================
word           what happens
=============  =================================================================
``cut_after``  the connection is lost when the command after so many comes
``slow``       so many of our seconds pass before each answer
``reboot``     a reboot that takes so many of the router's seconds
``power``      power comes (true) or goes (false)
``version``    another version from now on
``faults``     fields of ``twin.faults.Faults``
``switches``   fields of ``twin.switches.Switches``, as far as they matter after the start
``scale``      how fast the router's clock runs
``advance``    so many of the router's seconds pass at once
``load``       commands as the console takes them
``export``     nothing: the answer holds the configuration as ``export``
``reset``      firewall, scripts, jobs, files, flows, faults and switches as at the start
=============  =================================================================

Words of one object are obeyed in order. The answer says ``ok``, or ``error``, and ``now``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knockctl.lab.plan import Place
from knockctl_routeros.plane.tracker import Tracker
from knockctl_routeros.twin import Faults, Router, Switches
from knockctl_routeros.twin.traps import Trap

NAME = "control"
_RESET = ("/system/script", "/system/scheduler", "/file")


def tell(place: Place, **words: Any) -> dict[str, Any]:
    """Have a router of the lab do something, from wherever its state can be seen."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(place.state / NAME))
        sock.sendall(json.dumps(words).encode() + b"\n")
        with sock.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline())
    return answer


@dataclass(slots=True)
class Control:
    """Obeys."""

    router: Router
    tracker: Tracker
    switches: Switches
    """Those the router began with."""

    async def listen(self, folder: Path) -> asyncio.Server:
        """Listen in a folder that only root can open."""
        return await asyncio.start_unix_server(self._serve, folder / NAME)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                answer = {**self.obey(line), "now": self.router.clock.now()}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    def obey(self, line: bytes) -> dict[str, object]:
        """Carry out one line."""
        said: dict[str, object] = {}
        try:
            for word, value in json.loads(line).items():
                if word == "export":
                    said[word] = self.router.export()
                else:
                    self._word(word)(value)
        except (ValueError, TypeError, KeyError, AttributeError, Trap) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return {"ok": True, **said}

    def _word(self, word: str) -> Callable[[Any], None]:
        router = self.router
        known: dict[str, Callable[[Any], None]] = {
            "cut_after": lambda n: self._faults({"cut_at": n + 1, "cut_executes": False}),
            "slow": lambda seconds: self._faults({"delay": seconds}),
            "reboot": router.reboot,
            "power": lambda on: router.power_on() if on else router.power_off(),
            "version": lambda version: self._switches({"version": version}),
            "faults": self._faults,
            "switches": self._switches,
            "scale": lambda scale: setattr(router.clock, "scale", float(scale)),
            "advance": router.clock.advance,
            "load": router.load,
            "reset": lambda _: self._reset(),
        }
        return known[word]

    def _faults(self, fields: dict[str, Any]) -> None:
        faults = self.router.faults
        for name, value in fields.items():
            if name == "watchers" or not hasattr(faults, name):
                raise KeyError(name)
            setattr(faults, name, value)
        faults.refuse(refusing=faults.refusing)

    def _switches(self, fields: dict[str, Any]) -> None:
        self.router.switches = replace(self.router.switches, **fields)
        self.router.changed("/ip/firewall/filter")

    def _reset(self) -> None:
        router = self.router
        router.switches, router.clock.scale = self.switches, 1.0
        fresh = Faults()
        names = (name for name in Faults.__slots__ if name != "watchers")
        self._faults({name: getattr(fresh, name) for name in names})
        if not router.powered:
            router.power_on()
        for process in router.processes:
            process.kill()
        for path in router.menus:
            if path in _RESET or "/firewall/" in path:
                router.table(path).keep(lambda item: item.builtin)
                router.changed(path)
        router.history.forget()
        router.counters.clear()
        self.tracker.clear()
