"""The driver: one SSH connection, one script for each step of a transaction."""

from __future__ import annotations

from dataclasses import replace

from knockctl.contract import CancelResult, Facts, PendingChange, Reading, Target
from knockctl.contract.connection import OverSession
from knockctl.errors import (
    CommandRefused,
    Conflict,
    ConnectionCut,
    DeviceError,
    ProbeFailed,
    Unsupported,
    Where,
)
from knockctl_iptables.config.parse import (
    LEGACY,
    NATIVE,
    NO_NFT,
    TERSE,
    Dump,
)
from knockctl_iptables.config.records import FAMILIES, WARM, Family, LinuxConfig
from knockctl_iptables.driver import facts as fact_sheet
from knockctl_iptables.driver.connection import Answer, Section, Session
from knockctl_iptables.driver.persist import persist_script
from knockctl_iptables.driver.revert import (
    LOCK,
    LOCK_SECONDS,
    ROOT,
    arm_script,
    cancel_script,
    checksum,
    directory,
    files,
    fire_script,
    forget_script,
    pending_script,
    put_file,
    verify_script,
)
from knockctl_iptables.plan.plan import LinuxRemediation, Payload
from knockctl_iptables.plan.reading import (
    read,
)

MOST_NATIVE = 4_000_000
"""Characters of native tables that are read with the members of their sets."""
# Headers of sets, as members may be a million.
_SETS = r"""
sets() {
  kc_all=$(ipset list -t) || return 1
  printf '%s\n' "$kc_all" | while read -r kc_word kc_rest; do
    case $kc_word in
      Name:) kc_set=$kc_rest ;;
      Type:) kc_type=$kc_rest ;;
      Header:) printf 'create %s %s %s\n' "$kc_set" "$kc_type" "$kc_rest" ;;
    esac
  done
}
look sets sets
"""
_READ = rf"""
look save4 iptables-save -t filter
if [ -e /proc/net/if_inet6 ]; then look save6 ip6tables-save -t filter; fi
{_SETS}
"""
# All tables, the headers of all sets, and what native tables there are. Members of native sets
# come along up to a size; what has more is printed without.
_WHOLE = rf"""
look save4 iptables-save
if [ -e /proc/net/if_inet6 ]; then look save6 ip6tables-save; fi
{_SETS}
kind() {{ iptables -V | grep -q nf_tables && echo nft || echo legacy; }}
look kind kind
native() {{
  if ! command -v nft > /dev/null; then
    [ ! -e /sys/module/nf_tables ] || echo absent
    return 0
  fi
  kc_list=$(nft -j list ruleset) || return 1
  kc_form=whole
  if [ ${{#kc_list}} -gt {MOST_NATIVE} ]; then
    kc_form=terse
    kc_list=$(nft -j -t list ruleset) || return 1
  fi
  printf '%s\n%s\n' "$kc_form" "$kc_list"
}}
look native native
"""
TOOLS: dict[Family, str] = {4: "iptables", 6: "ip6tables"}


class LinuxDriver(OverSession[Session]):
    """A Linux host over SSH. Satisfies ``knockctl.contract.Driver``."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self._session = Session(target)
        self._fresh: tuple[Reading[LinuxConfig], tuple[PendingChange, ...]] | None = None
        self._facts: Facts | None = None
        self._armed: str | None = None
        self._running: LinuxConfig | None = None

    # --- reading ---

    def facts(self) -> Facts:
        """Ask what the host is; what runs comes in the same answer, for the ``read`` after it."""
        answer = self._session.script(fact_sheet.SCRIPT + _WHOLE + pending_script())
        self._facts = fact_sheet.facts(answer, self.target.name)
        self._fresh = self._reading(answer), _pending(answer)
        return self._facts

    def read(self, *, whole: bool = True) -> Reading[LinuxConfig]:
        """Read what is ours, and all else; right after ``facts``, what came along with it."""
        known = self._fresh
        if known is None or (whole and not known[0].text):
            answer = self._session.script((_WHOLE if whole else _READ) + pending_script())
            known = self._reading(answer), _pending(answer)
        if whole and not known[0].text:
            # What was asked for last did not come: a part is no whole.
            raise self._refused(None, "the rules can't be read")
        self._fresh = None
        reading, self._pending = known
        return reading

    def pending(self) -> tuple[PendingChange, ...]:
        """List the unsettled changes, as of the last ``facts`` or ``read``."""
        return self._pending

    _pending: tuple[PendingChange, ...] = ()

    def _reading(self, answer: Answer) -> Reading[LinuxConfig]:
        for name in ("save4", "save6", "sets", "native"):
            if name in answer.sections and not answer.ok(name):
                section = Section(answer.errors, answer.sections[name].status)
                raise self._refused(section, f"the rules can't be read ({name})")
        try:
            reading = read(_dump(answer))
        except DeviceError as error:
            where = Where(device=self.target.name)
            raise type(error)(error.message, hint=error.hint, where=where) from None
        self._running = reading.config
        return reading if "native" in answer.sections else replace(reading, text="")

    # --- the revert timer ---

    def arm(self, remediation: LinuxRemediation, seconds: int) -> None:
        """Store the way back and start the timer; looks at once whether it runs."""
        answer = self._session.script(arm_script(remediation, seconds))
        if not answer.ok("store"):
            raise self._refused(
                answer.sections.get("store"), "the way back can't be stored on the device"
            )
        found = answer.output("whole").split(" ")[0]
        if found != checksum(files(remediation, seconds)):
            raise CommandRefused(
                f"the way back stored in {directory(remediation.change_id)} is not whole",
                hint=f"is {ROOT} full?",
                where=Where(device=self.target.name, step="arm"),
            )
        if not answer.ok("start"):
            raise self._refused(answer.sections.get("start"), "the revert timer did not start")
        self._armed = remediation.change_id if answer.ok("alive") else None

    def verify_armed(self, change_id: str) -> None:
        """Raise unless the timer runs; ``arm`` has looked already."""
        if self._armed == change_id:
            return
        answer = self._session.script(verify_script(change_id))
        if not answer.ok("alive"):
            raise self._refused(answer.sections.get("alive"), "the revert timer does not run")

    def cancel(self, change_id: str) -> CancelResult:
        """Stop the timer and give a rolled-back revision its old mark."""
        answer = self._session.script(cancel_script(change_id))
        if answer.output("cancel").startswith("cancelled") and not answer.ok("settle"):
            raise self._refused(answer.sections.get("settle"), "the final mark can't be written")
        return self._outcome(answer, "cancel", change_id)

    def fire(self, change_id: str) -> CancelResult:
        """Take the change back now."""
        answer = self._session.script(fire_script(change_id))
        return self._outcome(answer, "state", change_id)

    def _outcome(self, answer: Answer, name: str, change_id: str) -> CancelResult:
        words = answer.output(name).split()
        if words == ["fired", "failed"]:
            raise CommandRefused(
                f"taking change {change_id} back failed; see {directory(change_id)}/log",
                hint="the host may run parts of it: compare with `knockctl diff`",
                where=Where(device=self.target.name, step="revert"),
            )
        if words[:1] == ["cancelled"]:
            return "cancelled"
        return "fired" if words[:1] == ["fired"] else "absent"

    def forget(self, change_id: str) -> None:
        """Remove a settled change's directory."""
        self._session.script(forget_script(change_id))

    # --- changing ---

    def apply(self, remediation: LinuxRemediation) -> None:
        """Write sets and rules, and read back in the same round trip."""
        tracked = (self._facts.details.get("tracked", "") if self._facts else "").split()
        warm = [f for f in remediation.forward.files if str(f) not in tracked]
        first = remediation.before.empty
        script = apply_script(remediation, warm if first else [])
        answer = self._session.script(script)
        self._judge(answer, remediation)
        self._fresh = self._reading(answer), ()

    def _judge(self, answer: Answer, remediation: LinuxRemediation) -> None:
        """Turn what the script reports into ``Conflict``, ``CommandRefused`` or nothing."""
        where = Where(device=self.target.name, step="apply")
        if not answer.ok("lock"):
            raise self._refused(answer.sections.get("lock"), "the change was not begun")
        for name in ("sets", "rules6", "rules4"):
            section = answer.sections.get(name)
            if section is None or section.status == 0:
                continue
            undone = "undo" not in answer.sections or answer.ok("undo")
            state = "nothing was changed" if undone else "the first part could not be undone"
            if name != "sets" and _lost_the_race(section, answer, remediation):
                raise Conflict(
                    f"somebody else has written since this change was planned; {state}",
                    hint="look at `knockctl diff`, then deploy again",
                    where=where,
                )
            raise CommandRefused(
                f"the device refused {name}: {_first(section.output)}; {state}", where=where
            )

    def probe(self) -> None:
        """Open a second SSH connection and run a command on it."""
        try:
            self._session.probe()
        except DeviceError as error:
            raise ProbeFailed(
                f"a new connection does not work: {error.message}",
                where=Where(device=self.target.name, step="probe"),
            ) from error

    def persist(self, change_id: str) -> str | None:
        """Write what runs to where the boot loader reads it."""
        if self._running is None or self._running.revision == change_id:
            self._fresh = None
        running = self.read(whole=False).config
        answer = self._session.script(persist_script(running))
        if not all(section.status == 0 for section in answer.sections.values()):
            bad = next(s for s in answer.sections.values() if s.status)
            raise self._refused(bad, "what runs can't be made to survive a reboot")
        return answer.output("noboot").strip() or None

    # --- errors ---

    def _refused(self, section: Section | None, what: str) -> DeviceError:
        where = Where(device=self.target.name)
        if section is None:
            return ConnectionCut(f"{what}: the answer stops before it", where=where)
        said = _first(section.output)
        hint = None
        if "No space left" in section.output:
            hint = "free some space there; nothing was changed"
        if "Kernel support" in section.output or "can't open ipset" in section.output:
            return Unsupported(f"{what}: {said}", hint="load the kernel module ip_set", where=where)
        return CommandRefused(f"{what}: {said}", hint=hint, where=where)


def _first(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return "; ".join(lines[:2]) if lines else "no message"


def _pending(answer: Answer) -> tuple[PendingChange, ...]:
    found = []
    for line in answer.output("pending").splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in ("armed", "cancelled"):
            left = max(0, int(words[2])) if words[1] == "armed" else None
            found.append(PendingChange(words[0], left))
    return tuple(found)


def _dump(answer: Answer) -> Dump:
    """Put together what was printed; of nftables where the whole was asked for."""
    tables: dict[Family, str] = {4: answer.output("save4")}
    if "save6" in answer.sections:
        tables[6] = answer.output("save6")
    more = {LEGACY: ""} if answer.output("kind").strip() == "legacy" else {}
    form, _, listed = answer.output("native").partition("\n")
    title = {"absent": NO_NFT, "whole": NATIVE, "terse": TERSE}.get(form.strip())
    if title:
        more[title] = listed
    return Dump(tables, answer.output("sets"), more)


def _lost_the_race(section: Section, answer: Answer, remediation: LinuxRemediation) -> bool:
    """Tell whether the mark planned against is gone: look, the tools' words differ."""
    reading = read(_dump(answer))
    del section
    return any(
        reading.config.table(family).mark != remediation.before.table(family).mark
        for family in FAMILIES
        if family in remediation.forward.files
    )


# --- the script that changes the device --------------------------------------------------------

_WARM = r"""
warm() { printf '*filter\n-N @WARM@\n-A @WARM@ -m conntrack --ctstate INVALID -j RETURN\nCOMMIT\n' |
  "$1-restore" --noflush -w 10; }
cool() { printf '*filter\n-F @WARM@\n-X @WARM@\nCOMMIT\n' | "$1-restore" --noflush -w 10; }
"""


def apply_script(remediation: LinuxRemediation, warm: list[Family]) -> str:
    """Return shell that changes the device under the lock, and prints what runs then.

    Order: sets, IPv6, IPv4, sets no longer needed; undone in reverse. ``warm`` are the families
    whose connection tracking sleeps: it is woken first, so that flows in use (ours among them)
    are known before the rules ask for it.
    """
    change, forward = remediation.change_id, remediation.forward
    return "\n".join(
        [
            "lock() {",
            f"  exec 9>>{LOCK} && flock -w {LOCK_SECONDS} 9 ||",
            "    { echo 'another change is being written'; return 1; }",
            f"  [ -e {directory(change)}/armed ] ||",
            "    { echo 'the revert timer is not armed any more'; return 1; }",
            "}",
            "lock9() { run lock lock; }",
            "lock9 || return 1",
            *_waking(warm),
            _writing(forward, change),
            *(f"cool {TOOLS[f]} 2>/dev/null" for f in warm),
            "if [ $status = 0 ]; then",
            "  :",
            *(f"  run drop ipset destroy {name}" for name in forward.sets_after),
            "else",
            *(f"  ipset destroy {name} 2>/dev/null" for name in remediation.backward.sets_after),
            "  :",
            "fi",
            _READ,
            "exec 9>&-",
        ]
    )


def _waking(warm: list[Family]) -> list[str]:
    if not warm:
        return []
    wake = [f"warm {TOOLS[f]}" for f in warm]
    return [_WARM.replace("@WARM@", WARM), *wake, "echo; sleep 0.3"]


def _writing(forward: Payload, change: str) -> str:
    """Return shell that writes everything and leaves 0 in ``status`` when all of it went in."""
    lines = ["status=0"]
    if forward.sets_before:
        lines += [_fed("sets", "ipset -exist restore", forward.sets_before)]
    done: list[Family] = []
    for family in (6, 4):
        if family not in forward.files:
            continue
        tool = TOOLS[family]
        lines += ["if [ $status = 0 ]; then"]
        lines += [_fed(f"rules{family}", f"{tool}-restore -w 5 --noflush", forward.files[family])]
        for earlier in done:
            undo = f"{TOOLS[earlier]}-restore -w 5 --noflush"
            lines += [f"[ $status = 0 ] || run undo {undo} < {directory(change)}/undo.{earlier}"]
        lines += ["fi"]
        done.append(6 if family == 6 else 4)
    return "\n".join(lines)


def _fed(name: str, command: str, text: str) -> str:
    document = put_file("-", text).partition("\n")[2]
    return f"run {name} {command} <<'KC-END' || status=1\n{document}"
