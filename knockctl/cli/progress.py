"""Live progress: a table on a terminal, plain lines elsewhere, JSON Lines for programs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from knockctl.cli import output

if TYPE_CHECKING:
    from knockctl.change.job import Outcome


class Progress:
    """Shows which device is at which step, and every outcome as it comes in."""

    def __init__(self, devices: Sequence[str], *, as_json: bool) -> None:
        """``devices`` are those that will report."""
        self._json = as_json
        self._steps = dict.fromkeys(devices, "waiting")
        self._lock = threading.Lock()
        self._live: Any = None

    def __enter__(self) -> Self:
        """Begin the live table where there is a terminal."""
        if not self._json and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                get_renderable=self._table,
                console=Console(stderr=True),
                transient=True,
                refresh_per_second=8,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the live table."""
        if self._live:
            self._live.stop()

    def _table(self) -> Any:
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column("device")
        table.add_column("step")
        with self._lock:
            running = [(d, s) for d, s in self._steps.items() if s not in ("waiting", "")]
            waiting = sum(step == "waiting" for step in self._steps.values())
        for device, step in running[:30]:
            table.add_row(device, step)
        if waiting:
            table.add_row(f"{waiting} more", "waiting")
        return table

    def step(self, device: str, step: str) -> None:
        """Note that a device begins a step. Called from the workers' threads."""
        with self._lock:
            self._steps[device] = step
            if self._json:
                output.event("step", {"device": device, "step": step})

    def announce(self, device: str, words: str) -> None:
        """Print what a person needs to know before the job ends. Called from workers' threads."""
        with self._lock:
            if self._json:
                output.event("note", {"device": device, "note": words})
            else:
                output.warn(f"{device}: {words}")

    def done(self, outcome: Outcome) -> None:
        """Print an outcome."""
        with self._lock:
            self._steps[outcome.device] = ""
            if self._json:
                output.event("outcome", outcome.model_dump(mode="json"))
                return
        if self._live:
            self._live.console.file.flush()
        for warning in outcome.warnings:
            output.warn(f"{outcome.device}: warning: {warning}")
        for note in outcome.notes:
            output.warn(f"{outcome.device}: note: {note}")
        result = outcome.result.value.replace("_", " ")
        change = f" (change {outcome.change_id})" if outcome.change_id else ""
        say = output.warn if outcome.exit_code else output.text
        say(f"{outcome.device}: {result}: {outcome.message}{change}")
        if outcome.hint:
            say(f"  hint: {outcome.hint}")
