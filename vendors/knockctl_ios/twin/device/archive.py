"""The configuration archive: copies, whole replacement, and the timer that takes changes back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from knockctl.lab.clock import Timer
from knockctl_ios.twin.device import files, times, tree
from knockctl_ios.twin.device.archived import Archived
from knockctl_ios.twin.device.configure import Configurator, obey, read

OFF = "%Please turn config archive on"
NONE_PENDING = "%No Rollback Confirmed Change pending"
RESTORED = "The original configuration has been successfully restored."


@dataclass(slots=True)
class Pending:
    """A change that is taken back unless somebody confirms it."""

    user: str
    minutes: int
    kind: str
    """``absolute`` or ``idle``."""
    path: str
    since: float
    timers: list[Timer] = field(default_factory=list)


class Archive:
    """A device's archive; without a path in the configuration it is off."""

    def __init__(self, device: Archived) -> None:
        """Start empty."""
        self._device = device
        self.names: deque[str] = deque()
        self.count = 0
        self.pending: Pending | None = None

    # --- copies ---

    def _setting(self, key: str) -> str:
        section = self._device.running.child("archive")
        node = section.child(key) if section is not None else None
        return node.text.partition(" ")[2] if node is not None else ""

    @property
    def on(self) -> bool:
        """There is a path to put copies to."""
        return bool(self._setting("path"))

    @property
    def maximum(self) -> int:
        """How many copies are kept."""
        return int(self._setting("maximum") or 10)

    def _next(self) -> str:
        path = self._setting("path")
        if not self._device.switches.since(15):
            return f"{path}-{self.count + 1}"
        return f"{path}-{times.named(self._device.clock.now())}-{self.count}"

    def save(self) -> str:
        """Copy the running configuration; return the copy's name.

        Raises:
            FileError: archive off, or no room.
        """
        if not self.on:
            raise files.FileError(OFF)
        name = self._next()
        try:
            self._device.flash.write(files.path_of(name) or name, self._device.text().encode())
        except files.FileError as error:
            raise files.FileError(f"%Error opening {name} ({error})") from error
        self.names.append(name)
        self.count += 1
        while len(self.names) > self.maximum:
            gone = files.path_of(self.names.popleft())
            self._device.flash.files.pop(gone or "", None)
        return name

    def show(self) -> str:
        """Return what ``show archive`` prints."""
        if not self.on:
            return "Archive feature not enabled"
        rows = [f"  {at:2}        {name}" for at, name in enumerate(self.names, 1)]
        if rows:
            rows[-1] += " <- Most Recent"
        rows += [f"  {at:2}        " for at in range(len(rows) + 1, self.maximum + 1)]
        following = self._setting("path") + f"-<timestamp>-{self.count}"
        if not self._device.switches.since(15):
            following = self._next()
        return (
            f"The maximum archive configurations allowed is {self.maximum}.\n"
            f"The next archive file will be named {following}\n"
            " Archive #  Name\n" + "\n".join(rows)
        )

    # --- replacement ---

    def replace(self, text: str, *, revert: bool = False) -> str:
        """Make the running configuration what a text says; return what the device prints.

        ``revert`` puts everything back where one line fails.
        """
        lines = text.splitlines()
        if not any(line.startswith("version") for line in lines) or "end" not in lines:
            return "%The input file is not a valid config file.\n"
        device, failed = self._device, list[str]()
        now, file = device.clock.now, device.text_of
        new = read(lines, device.switches, report=failed.append, now=now, file=file)
        changes = tree.differences(device.running, new)
        failed += [line for line in changes if line[:1] in "+-" and device.faults.refuses()]
        if failed:
            return self._failed(new, failed, revert=revert)
        device.install(new)
        return f"Total number of passes: {int(bool(changes))}\nRollback Done\n"

    def _failed(self, new: tree.Node, failed: list[str], *, revert: bool) -> str:
        lines = "\n".join(text.split("\n")[0] for text in failed)
        said = (
            "\nRollback aborted after 5 passes\n"
            "The following commands are failed to apply to the IOS image.\n"
            f"********\n{lines}\n********\n"
        )
        if revert:
            return f"{said}\n{RESTORED}\n"
        self._device.install(new)
        return said

    def differences(self, old: str, new: str) -> str:
        """Return what ``show archive config differences`` prints of two texts."""
        found = tree.differences(self._tree(old), self._tree(new))
        body = "\n".join(found) or "!No changes were found"
        return f"!Contextual Config Diffs:\n{body}"

    def incremental(self, text: str) -> str:
        """Return what ``show archive config incremental-diffs`` prints of a file."""
        device = self._device
        ends = "end" in [line.strip() for line in text.splitlines()]
        if device.switches.diff_needs_end and text.strip() and not ends:
            return "!Error: cfgdiff returned error 5"
        removals = [line for line in text.splitlines() if line.strip().startswith("no ")]
        merged = device.running.copy()
        cfg = Configurator(merged, device.switches, file=device.text_of)
        for line in text.splitlines():
            obey(cfg, line)
        found = [*removals, *tree.missing(device.running, merged)]
        body = "\n".join([*found, "end"]) if found else "end\n!No changes were found"
        return f"!List of Commands:\n{body}"

    def _tree(self, text: str) -> tree.Node:
        device = self._device
        return read(text.splitlines(), device.switches, file=device.text_of)

    # --- the timer ---

    def arm(self, user: str, minutes: int, kind: str = "absolute") -> str:
        """Copy the configuration and start the timer; return what the device prints.

        Raises:
            FileError: archive off, no room, or a timer runs already.
        """
        if self.pending is not None:
            raise files.FileError("%Rollback Confirmed Change is already pending")
        path = self.save()
        self.pending = Pending(user, minutes, kind, path, self._device.clock.now())
        self._start(self.pending)
        said = f"Rollback Confirmed Change: Backing up current running config to {path}"
        self._log(
            f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_BACKUP: Backing up current running config to {path}"
        )
        self._log(
            f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_START_{self._timer}: User: {user}(Priv: 15, View:"
            f" 0): Scheduled to rollback to config {path} in {minutes} minutes"
        )
        return said if self._device.switches.names_copy else ""

    @property
    def _timer(self) -> str:
        kind = self.pending.kind if self.pending else "absolute"
        return "ABSTIMER" if kind == "absolute" else "IDLETIMER"

    def _start(self, pending: Pending) -> None:
        for timer in pending.timers:
            timer.cancel()
        clock = self._device.clock
        end = clock.now() + 60 * pending.minutes
        warn = clock.call_at(end - 60, lambda: self._warn(pending))
        pending.timers = [warn, clock.call_at(end, lambda: self._fire(pending))]

    def restart(self, minutes: int, kind: str) -> str:
        """Start the timer of the pending change again, with another time."""
        if self.pending is None:
            return NONE_PENDING
        self.pending.minutes, self.pending.kind = minutes, kind
        self._start(self.pending)
        return ""

    def active(self, user: str) -> None:
        """Note that a user has typed something: an idle timer starts again."""
        if self.pending and self.pending.kind == "idle" and self.pending.user == user:
            self._start(self.pending)

    def _warn(self, pending: Pending) -> None:
        self._log(
            f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_WARNING_{self._timer}: System will rollback to"
            f' config {pending.path} in one minute. Enter "configure confirm" if you wish to'
            " keep what you've configured"
        )

    def _fire(self, pending: Pending) -> None:
        self._log(
            f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_ROLLBACK_START: Start rolling to: {pending.path}"
        )
        self._end()
        text = self._device.text_of(pending.path)
        if text is not None:
            self.replace(text)

    def confirm(self) -> str:
        """Keep the change; return what the device prints."""
        if self.pending is None:
            return NONE_PENDING
        user = self.pending.user
        self._end()
        self._log(
            f"%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_CONFIRM: User: {user}: Confirm the"
            " configuration change"
        )
        return ""

    def revert(self) -> str:
        """Take the change back now; return what the device prints."""
        if self.pending is None:
            return NONE_PENDING
        path = self.pending.path
        self._end()
        text = self._device.text_of(path)
        done = self.replace(text) if text is not None else f"%Error opening {path}"
        return f"Rollback Confirmed Change: rolling to: {path}\n\n{done}"

    def forget(self) -> None:
        """Lose what only memory held."""
        self._end()

    def _end(self) -> None:
        for timer in self.pending.timers if self.pending else ():
            timer.cancel()
        self.pending = None

    def show_timer(self) -> str:
        """Return what ``show archive config rollback timer`` prints."""
        if self.pending is None:
            return NONE_PENDING
        since = times.long(self.pending.since)
        return (
            f"Time configured(or reconfigured): {since}\n"
            f"Timer type: {self.pending.kind} timer\n"
            f"Timer value: {self.pending.minutes} min\n"
            f"User: {self.pending.user}"
        )

    def _log(self, message: str) -> None:
        self._device.log(message)
