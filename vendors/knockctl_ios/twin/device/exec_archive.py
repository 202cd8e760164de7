"""EXEC commands for going into configuration, replacing it, and taking changes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knockctl_ios.twin.device.archive import OFF
from knockctl_ios.twin.device.dialogue import Ask, Dialogue
from knockctl_ios.twin.device.exec_files import missing, text_at
from knockctl_ios.twin.device.files import FileError
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.shell import Command, Shell

if TYPE_CHECKING:
    from knockctl_ios.twin.device.archive import Archive

_WARNING = (
    "This will apply all necessary additions and deletions\n"
    "to replace the current running configuration with the\n"
    "contents of the specified configuration file, which is\n"
    "assumed to be a complete configuration, not a partial\n"
    "configuration. Enter Y if you are sure you want to proceed. ? [no]: "
)


def configure(shell: Shell, parsed: Parsed[Command]) -> str:
    """Go to configuration, with or without a timer that takes it back."""
    if "timer" not in parsed.words:
        return shell.enter_config()
    said = _arm(shell, parsed)
    return said if said.startswith("%") else said + shell.enter_config()


def _arm(shell: Shell, parsed: Parsed[Command]) -> str:
    archive: Archive = shell.device.archive
    kind = "idle" if parsed.get("idle") else "absolute"
    try:
        return archive.arm(shell.user, int(parsed.get("minutes")), kind) + "\n"
    except FileError as error:
        return f"{error}\n"


def confirm(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Keep the change that is pending."""
    said = shell.device.archive.confirm()
    return f"{said}\n" if said else ""


def revert(shell: Shell, parsed: Parsed[Command]) -> str:
    """Take the pending change back, or give it another time."""
    archive = shell.device.archive
    if "now" in parsed.words:
        return archive.revert() + "\n"
    kind = "idle" if parsed.get("idle") else "absolute"
    said = archive.restart(int(parsed.get("minutes")), kind)
    return f"{said}\n" if said else ""


def replace(shell: Shell, parsed: Parsed[Command]) -> Dialogue | str:
    """Put a file in the place of the running configuration."""
    archive = shell.device.archive
    text = text_at(shell.device, parsed.get("file"))
    if text is None:
        return missing(parsed.get("file"))
    reverts = "revert" in parsed.words
    if reverts and not archive.on:
        return f"{OFF}\n"
    return _replace(shell, parsed, text)


def _replace(shell: Shell, parsed: Parsed[Command], text: str) -> Dialogue:
    if "force" not in parsed.words:
        reply = yield Ask(_WARNING)
        if not reply.lower().startswith("y"):
            return ""
    said = ""
    if parsed.get("minutes"):
        said = _arm(shell, parsed)
        if said.startswith("%"):
            return said
    done = shell.device.archive.replace(text, revert="trigger" in parsed.words)
    shell.device.changed(shell.user)
    return f"{said}{done}\n"


def archive_config(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Copy the running configuration to the archive."""
    try:
        shell.device.archive.save()
    except FileError as error:
        return f"{error}\n"
    return ""


def show_archive(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the copies."""
    return shell.device.archive.show() + "\n"


def show_timer(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Show the change that is pending."""
    return shell.device.archive.show_timer() + "\n"


def differences(shell: Shell, parsed: Parsed[Command]) -> str:
    """Show what two configurations differ in."""
    names = [parsed.get("old", "system:running-config"), parsed.get("new", "system:running-config")]
    texts = [text_at(shell.device, name) for name in names]
    for name, text in zip(names, texts, strict=True):
        if text is None:
            return missing(name)
    return shell.device.archive.differences(texts[0] or "", texts[1] or "") + "\n"


def incremental(shell: Shell, parsed: Parsed[Command]) -> str:
    """Show the lines of a file that the running configuration lacks."""
    text = text_at(shell.device, parsed.get("file"))
    if text is None:
        return missing(parsed.get("file"))
    return shell.device.archive.incremental(text) + "\n"


_TIME = "{idle=idle minutes=<1-120>|minutes=<1-120>}"
COMMANDS = (
    Command("configure terminal", configure),
    Command("configure", configure),
    Command(f"configure terminal revert timer {_TIME}", configure),
    Command("configure confirm", confirm),
    Command("configure revert now", revert),
    Command(f"configure revert timer {_TIME}", revert),
    Command(
        "configure replace file=FILE [force|list|nolock|ignorecase|time minutes=<1-120>"
        "|revert trigger error [timer minutes=<1-120>]|revert timer minutes=<1-120>]*",
        replace,
    ),
    Command("archive config", archive_config),
    Command("show archive", show_archive),
    Command("show archive config rollback timer", show_timer),
    Command("show archive config differences [old=FILE [new=FILE]] [ignorecase]", differences),
    Command("show archive config incremental-diffs file=FILE [ignorecase]", incremental),
)
