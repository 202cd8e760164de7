"""One session's command line: its modes, its privilege, and what each line does.

``Shell`` knows no wire: a terminal feeds it lines and prints what it returns, and so can whatever
else runs commands on the device, such as EEM.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from knockctl_ios.twin.device import pipes, tcl
from knockctl_ios.twin.device.configure import LEAVING
from knockctl_ios.twin.device.dialogue import Ask, Dialogue
from knockctl_ios.twin.device.grammar import Grammar, Parsed, Rejected
from knockctl_ios.twin.device.rules import Refused

if TYPE_CHECKING:
    from knockctl_ios.twin.device.configure import Configurator
    from knockctl_ios.twin.device.device import Device

Handler = Callable[["Shell", "Parsed[Command]"], "str | Dialogue"]
UNAUTHORIZED = "Command authorization failed.\n"
CONFIGURING = "Enter configuration commands, one per line.  End with CNTL/Z.\n"


@dataclass(frozen=True, slots=True)
class Command:
    """One EXEC command."""

    syntax: str
    run: Handler
    level: int = 15


@dataclass(slots=True)
class Settings:
    """What ``terminal`` sets."""

    width: int = 80
    length: int = 24
    monitor: bool = False


@dataclass(slots=True, eq=False)
class Shell:
    """The command line of one user."""

    device: Device
    commands: Callable[[int], Grammar[Command]]
    """What a level may type."""
    user: str
    level: int = 1
    address: str = "console"
    line: int = 0
    settings: Settings = field(default_factory=Settings)
    ended: bool = False
    bypass: bool = False
    """Commands are carried out whatever command authorization says."""
    config: Configurator | None = None
    tcl: tcl.Interpreter | None = None

    @property
    def prompt(self) -> str:
        """What stands before the next line."""
        name = self.device.hostname
        if self.tcl is not None:
            return self.tcl.prompt(name)
        if self.config is not None:
            if self.config.in_text:
                return ""
            return f"{name[:20]}({self.config.prompt})#"
        return f"{name}{'#' if self.level > 1 else '>'}"

    def run(self, text: str) -> str | Dialogue:
        """Carry out one line; return what is printed, or a dialogue that does."""
        self.device.archive.active(self.user)
        if self.tcl is not None:
            return self.tcl.line(text)
        if self.config is not None:
            return self._configure(text)
        return self.execute(text)

    def answer(self, text: str, reply: str = "") -> str:
        """Carry out one line, give every question one answer, return all that is printed."""
        found = self.run(text)
        if isinstance(found, str):
            return found
        try:
            next(found)
            while True:
                found.send(reply)
        except StopIteration as end:
            return str(end.value)

    def words(self, head: str) -> list[str]:
        """Return what may follow the beginning of a line."""
        if self.config is not None:
            return self.config.words(head)
        try:
            return self.commands(self.level).words(head)
        except Rejected:
            return []

    # --- EXEC ---

    def execute(self, text: str, indent: int | None = None) -> str | Dialogue:
        """Carry out an EXEC command."""
        line, filters = pipes.split(text)
        if not line.strip() or line.lstrip().startswith("!"):
            return ""
        width = len(self.prompt) if indent is None else indent
        try:
            parsed = self.commands(self.level).parse(line)
        except Rejected as error:
            return self._unknown(line, error, width)
        if not self._authorized(parsed.text):
            return UNAUTHORIZED
        found = parsed.command.run(self, parsed)
        if filters and isinstance(found, str):
            return pipes.filtered(found, filters)
        return found

    def _unknown(self, line: str, error: Rejected, width: int) -> str:
        word = line.split(maxsplit=1)[0]
        if type(error) is Rejected and error.offset <= len(line) - len(line.lstrip()) + len(word):
            single = len(line.split()) == 1
            if single and not self._knows(word):
                looked = "...domain server (255.255.255.255)\n" * self.device.switches.domain_lookup
                return (
                    f'Translating "{word}"{looked}\n'
                    "% Unknown command or computer name, or unable to find computer address\n"
                )
        return error.text(line, width)

    def _knows(self, word: str) -> bool:
        keywords = self.commands(self.level).words("")
        return any(keyword.startswith(word.lower()) for keyword in keywords)

    def _authorized(self, command: str) -> bool:
        return self.bypass or not command.startswith(self.device.switches.unauthorized or ("\n",))

    # --- configuration ---

    def enter_config(self) -> str:
        """Go to the configuration modes."""
        self.config = self.device.configurator()
        return CONFIGURING

    def leave_config(self) -> str:
        """Go back to EXEC; return what the device says."""
        if self.config is None:
            return ""
        said = self.config.leave_all()
        self.config = None
        where = f" on vty{self.line} ({self.address})" if self.address != "console" else ""
        self.device.log(f"%SYS-5-CONFIG_I: Configured from console by {self.user}{where}")
        return said

    def _configure(self, text: str) -> str | Dialogue:
        cfg = self.config
        stripped = text.strip()
        first, _, rest = stripped.partition(" ")
        if cfg is None or cfg.in_text:
            return self._config_line(text)
        if first.lower() == "do" and rest:
            return self.execute(rest, indent=len(self.prompt) + text.index(rest))
        if stripped.lower() == "end" or (stripped in LEAVING and cfg.section is cfg.top):
            return self.leave_config()
        words = stripped.split()
        if words[:2] == ["no", "username"] and asks_about(self.device, "".join(words[2:3])):
            return self._remove_user(text)
        return self._config_line(text)

    def _remove_user(self, text: str) -> Dialogue:
        yield from confirm_user()
        return self._config_line(text)

    def _config_line(self, text: str) -> str:
        width = len(self.prompt)
        return configure_line(self, text, width)


def asks_about(device: Device, name: str) -> bool:
    """Tell whether the removal of a user has to be confirmed."""
    known = device.running.child(f"username {name}") is not None
    return known and device.switches.confirms_user_removal


def confirm_user() -> Dialogue:
    """Ask what the removal of a user asks."""
    return (
        yield Ask(
            "This operation will remove all username related configurations with same name.\n"
            "Do you want to continue? [confirm]",
            key=True,
        )
    )


def configure_line(shell: Shell, text: str, indent: int, *, echo: bool = False) -> str:
    """Carry out one line of configuration; ``echo`` prints it before what is wrong with it."""
    device, cfg = shell.device, shell.config
    if cfg is None or (not text.strip() and not cfg.in_text):
        return ""
    before = f"{text}\n" if echo else ""
    if device.faults.refuses():
        said = device.faults.refuse_text or Rejected(0).text(text, indent)
        return f"{before}{said.rstrip()}\n"
    if not shell.bypass and text.strip().startswith(device.switches.unauthorized or ("\n",)):
        return UNAUTHORIZED
    try:
        said = cfg.line(text)
    except Rejected as error:
        return f"{before}{error.text(text, indent)}"
    except Refused as error:
        return f"{before}{error}".rstrip("\n") + "\n"
    device.changed(shell.user)
    if device.faults.loses_power():
        device.power_off()
    return said
