"""EXEC commands for the session itself, and for the device as a whole."""

from __future__ import annotations

from knockctl_ios.twin.device import passwords, tcl, times
from knockctl_ios.twin.device.dialogue import Ask, Dialogue
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.shell import Command, Shell

TRIES = 3


def enable(shell: Shell, parsed: Parsed[Command]) -> str | Dialogue:
    """Go to a higher level; those who are there already aren't asked."""
    level = int(parsed.get("level", "15"))
    if shell.level >= level or shell.bypass:
        shell.level = level
        return ""
    kept = shell.device.enable_secret
    return _ask_secret(shell, kept, level) if kept else "% No password set\n"


def _ask_secret(shell: Shell, kept: str, level: int) -> Dialogue:
    for _ in range(TRIES):
        given = yield Ask("Password: ", hidden=True)
        if passwords.fits(kept, given):
            shell.level = level
            return ""
    return "% Bad secrets\n\n"


def disable(shell: Shell, parsed: Parsed[Command]) -> str:
    """Go back to user EXEC."""
    shell.level = int(parsed.get("level", "1"))
    return ""


def leave(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """End the session."""
    shell.ended = True
    return ""


def nothing(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Do nothing."""
    return ""


def length(shell: Shell, parsed: Parsed[Command]) -> str:
    """Set how many lines a page has."""
    shell.settings.length = int(parsed.get("lines", "24"))
    return ""


def width(shell: Shell, parsed: Parsed[Command]) -> str:
    """Set how many columns a line has."""
    shell.settings.width = int(parsed.get("columns", "80"))
    return ""


def monitor(shell: Shell, parsed: Parsed[Command]) -> str:
    """Have log lines shown on this terminal, or no more."""
    shell.settings.monitor = "no" not in parsed.words
    return ""


def tclsh(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Go to the Tcl shell."""
    shell.tcl = tcl.Interpreter(shell)
    return ""


def send_log(shell: Shell, parsed: Parsed[Command]) -> str:
    """Write a line into the log."""
    severity = parsed.get("severity", "7")
    text = parsed.get("text").strip('"')
    shell.device.log(
        f"%SYS-{severity}-USERLOG_{_LEVELS[int(severity)]}: Message from"
        f" tty0(user id: {shell.user}): {text}"
    )
    return ""


def run_policy(shell: Shell, parsed: Parsed[Command]) -> str:
    """Start a policy that waits for nothing else."""
    name = parsed.get("name")
    for node in shell.device.applets():
        events = [child for child in node.children if child.text.startswith("event ")]
        if node.args["name"] == name and any("none" in event.text.split() for event in events):
            for watcher in list(shell.device.on_run):
                watcher(name)
            return ""
    return f"EEM policy {name} not registered with event none Event Detector\n"


_LEVELS = ("EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG")


def clear_logging(shell: Shell, parsed: Parsed[Command]) -> Dialogue:  # noqa: ARG001
    """Forget the log."""
    if (yield Ask("Clear logging buffer [confirm]", key=True)) in ("", "y", "Y"):
        shell.device.logs.clear()
    return ""


def reload(shell: Shell, parsed: Parsed[Command]) -> str | Dialogue:
    """Restart, now or later, or not."""
    device = shell.device
    if "cancel" in parsed.words:
        if not device.cancel_reload():
            return "%No reload is scheduled.\n"
        device.log("%SYS-5-SCHEDULED_RELOAD_CANCELLED: Scheduled reload cancelled")
        return "\n\n***\n*** --- SHUTDOWN ABORTED ---\n***\n\n"
    return _reload(shell, parsed)


def _reload(shell: Shell, parsed: Parsed[Command]) -> Dialogue:
    device = shell.device
    if device.text() != device.startup:
        ask = "\nSystem configuration has been modified. Save? [yes/no]: "
        reply = yield Ask(ask)
        while reply[:1].lower() not in ("y", "n"):
            reply = yield Ask("% Please answer 'yes' or 'no'.\n" + ask.lstrip("\n"))
        if reply[:1].lower() == "y":
            device.save(shell.user)
    minutes = parsed.get("minutes")
    when = ""
    if minutes:
        due = times.long(device.clock.now() + 60 * int(minutes))
        when = f"Reload scheduled for {due} (in {minutes} minutes) by {shell.user}\n"
    if (yield Ask(f"{when}Proceed with reload? [confirm]", key=True)) not in ("", "y", "Y"):
        return ""
    if minutes:
        device.reload_in(int(minutes))
    else:
        device.reload()
    return ""


def show_reload(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the restart that is due."""
    due = shell.device.reload_at
    if due is None:
        return "No reload is scheduled.\n"
    left = int(due - shell.device.clock.now()) // 60
    return f"Reload scheduled for {times.long(due)} (in {left} minutes) by {shell.user}\n"


COMMANDS = (
    Command("enable [level=<0-15>]", enable, 0),
    Command("disable [level=<0-15>]", disable, 0),
    Command("{exit|logout|quit}", leave, 0),
    Command("terminal length lines=<0-512>", length, 1),
    Command("terminal no length", length, 1),
    Command("terminal width columns=<0-512>", width, 1),
    Command("terminal no width", width, 1),
    Command("terminal [no] monitor", monitor),
    Command("terminal {history|exec|no} LINE", nothing, 1),
    Command("tclsh", tclsh),
    Command("event manager run name=WORD", run_policy),
    Command("send log [severity=<0-7>] text=LINE", send_log),
    Command("clear logging", clear_logging),
    Command("reload [in minutes=<1-44640>|reason WORD]*", reload),
    Command("reload cancel", reload),
    Command("show reload", show_reload, 1),
)
