"""EXEC commands for files and for the two configurations as files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from knockctl_ios.twin.device.device import visible
from knockctl_ios.twin.device.dialogue import Ask, Dialogue
from knockctl_ios.twin.device.files import FileError, path_of
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.shell import (
    Command,
    Shell,
    asks_about,
    configure_line,
    confirm_user,
)

if TYPE_CHECKING:
    from knockctl_ios.twin.device.device import Device

RUNNING = ("running-config", "system:running-config", "system:/running-config")
STARTUP = ("startup-config", "nvram:startup-config", "nvram:/startup-config")
NULL = ("null:",)
BUSY = "startup-config file open failed (Device or resource busy)\n"


def text_at(device: Device, name: str) -> str | None:
    """Return the text of a file or of a configuration; None where there is none."""
    if name in RUNNING:
        return device.text()
    if name in STARTUP:
        return device.startup
    return device.text_of(name)


def missing(name: str, reason: str = "No such file or directory") -> str:
    """Return what is said of a file that can't be read or written."""
    return f"%Error opening {name} ({reason})\n"


def _quiet(shell: Shell) -> bool:
    return shell.device.running.child("file prompt quiet") is not None


def _copied(size: int) -> str:
    seconds = 0.1 + size / 100_000
    return f"{size} bytes copied in {seconds:.3f} secs ({int(size / seconds)} bytes/sec)\n"


def copy(shell: Shell, parsed: Parsed[Command]) -> Dialogue:
    """Copy a file or a configuration."""
    source, target = parsed.get("source"), parsed.get("target")
    if not _quiet(shell):
        short = target.rpartition(":")[2].strip("/") or source.rpartition("/")[2]
        reply = yield Ask(f"Destination filename [{short}]? ")
        if reply and target.endswith(":"):
            target = f"{target}{reply}"
    text = "" if source in NULL else text_at(shell.device, source)
    if text is None:
        return missing(source)
    if target in RUNNING:
        return (yield from merge(shell, text))
    if target in STARTUP:
        return _to_startup(shell, text)
    path = path_of(target)
    if path is not None and path in shell.device.flash.files and not _quiet(shell):
        yield Ask(
            "%Warning:There is a file already existing with this name \n"
            "Do you want to over write? [confirm]",
            key=True,
        )
    return _to_flash(shell, path, target, text)


def _to_startup(shell: Shell, text: str) -> str:
    if shell.device.faults.save_fails:
        return BUSY
    shell.device.startup = text
    return "Building configuration...\n[OK]\n"


def _to_flash(shell: Shell, path: str | None, target: str, text: str) -> str:
    if target in NULL or path is None:
        return _copied(len(text)) if target in NULL else missing(target, "Invalid argument")
    try:
        shell.device.flash.write(path, text.encode())
    except FileError as error:
        return missing(target, str(error))
    return _copied(len(text.encode()))


def merge(shell: Shell, text: str) -> Dialogue:
    """Carry out a file's lines as if they were typed; return what is wrong with them."""
    device, before = shell.device, shell.config
    shell.config = device.configurator()
    said = ""
    for line in text.splitlines():
        if line.strip() == "end" and not shell.config.in_text:
            break
        words = line.split()
        if words[:2] == ["no", "username"] and asks_about(device, "".join(words[2:3])):
            yield from confirm_user()
        if not line.startswith("version "):
            said += configure_line(shell, line, 0, echo=True)
        if not device.powered:
            shell.config = before
            return said
    said += shell.config.leave_all()
    shell.config = before
    device.log(f"%SYS-5-CONFIG_I: Configured from memory by {shell.user} on vty{shell.line}")
    return said + _copied(len(text.encode()))


def write(shell: Shell, parsed: Parsed[Command]) -> str:  # noqa: ARG001
    """Save the running configuration."""
    if not shell.device.save(shell.user):
        return f"Building configuration...\n{BUSY}"
    section = shell.device.running.child("archive")
    if section is not None and section.child("write-memory"):
        shell.device.archive.save()
    return "Building configuration...\n[OK]\n"


def erase(shell: Shell, parsed: Parsed[Command]) -> Dialogue:  # noqa: ARG001
    """Erase the startup configuration."""
    if not _quiet(shell):
        yield Ask(
            "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]",
            key=True,
        )
    shell.device.startup = None
    return "[OK]\nErase of nvram: complete\n"


def directory(shell: Shell, parsed: Parsed[Command]) -> str:
    """List files."""
    name = parsed.get("file", "flash:")
    path = path_of(name)
    if path is None:
        return missing(name, "Invalid argument")
    try:
        return shell.device.flash.listing(path) + "\n"
    except FileError as error:
        return missing(name, str(error))


def more(shell: Shell, parsed: Parsed[Command]) -> str:
    """Print a file."""
    text = text_at(shell.device, parsed.get("file"))
    return missing(parsed.get("file")) if text is None else visible(text)


def delete(shell: Shell, parsed: Parsed[Command]) -> Dialogue:
    """Delete a file."""
    name, force = parsed.get("file"), "/force" in parsed.words
    path = path_of(name)
    if not force and not _quiet(shell):
        short = name.rpartition(":")[2].strip("/")
        yield Ask(f"Delete filename [{short}]? ")
    if not force and (yield Ask(f"Delete {name}? [confirm]", key=True)) not in ("", "y", "Y"):
        return "Delete of file aborted!\n"
    try:
        shell.device.flash.remove(path or "")
    except FileError as error:
        return f"%Error deleting {name} ({error})\n"
    return ""


def make_folder(shell: Shell, parsed: Parsed[Command]) -> Dialogue:
    """Make a folder."""
    name = parsed.get("file")
    path = path_of(name)
    if not _quiet(shell):
        yield Ask(f"Create directory filename [{path}]? ")
    if not path or path in shell.device.flash.folders:
        return f"%Error Creating dir {name} (Can't create a file that exists)\n"
    shell.device.flash.make_folder(path)
    return f"Created dir flash:/{path}\n"


def verify(shell: Shell, parsed: Parsed[Command]) -> str:
    """Print a file's digest."""
    name, wanted = parsed.get("file"), parsed.get("digest")
    try:
        data = shell.device.flash.read(path_of(name) or "")
    except FileError as error:
        return missing(name, str(error))
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if not wanted:
        return f"....Done!\nverify /md5 ({name}) = {found}\n"
    if wanted.lower() == found:
        return f"....Done!\nVerified ({name}) = {found}\n"
    return f"....Done!\n%Error verifying {name}\nComputed signature  = {found}\n"


COMMANDS = (
    Command(
        "copy {source=running-config|source=startup-config|source=FILE}"
        " {target=running-config|target=startup-config|target=FILE}",
        copy,
    ),
    Command("write [memory]", write),
    Command("{write erase|erase startup-config|erase nvram:}", erase),
    Command("dir [/all|/recursive]* [file=FILE]", directory),
    Command("more [/ascii] file=FILE", more),
    Command("delete [/force|/recursive]* file=FILE", delete),
    Command("mkdir file=FILE", make_folder),
    Command("verify /md5 file=FILE [digest=WORD]", verify),
)
