"""The revert timer: what lies on the device so that a change takes itself back.

A change has a root-only directory, ``/run/knockctl/<id>``, gone after a reboot like the rules
it guards. Its state is a file's name, changed by ``mv``, so that of cancelling and firing one
wins: ``armed`` → ``cancelled`` or ``armed`` → ``fired``. Whatever writes rules holds one lock.

The way back acts only where the running rules are this change's (its mark is there, or, when
the change removed everything, no mark at all). Its restore files begin by exchanging that
mark, so that they fail whole where somebody else has written since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from knockctl_iptables.config.records import MARK, Family
from knockctl_iptables.plan.plan import LinuxRemediation, settle_files

ROOT = "/run/knockctl"
LOCK = f"{ROOT}/lock"
UNIT = "knockctl-revert-"

# The lock is waited for as long as the other writer's iptables waits for the kernel's.
LOCK_SECONDS = 15

_REVERT = r"""#!/bin/sh
# Takes change @ID@ back. Written by knockctl; run by its timer, or by knockctl rollback.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
d=@DIR@
if [ "${1:-now}" = wait ]; then
  echo $$ > "$d/pid"
  sleep @SECONDS@
fi
mv "$d/armed" "$d/fired" 2>/dev/null || exit 0
exec 9>>@LOCK@
flock -w 60 9 || exit 1
tool() { if [ "$1" = 4 ]; then echo iptables; else echo ip6tables; fi; }
ours() {
  if [ -e "$d/emptied" ]; then ! "$(tool "$1")-save" -t filter | grep -q '^:@MARK@ '
  else "$(tool "$1")-save" -t filter | grep -q 'knockctl:@ID@"'; fi
}
back() {
  "$(tool "$1")-restore" -w 10 --noflush < "$d/undo.$1" >> "$d/log" 2>&1 && return 0
  sed 's/^-I INPUT [0-9]* /-I INPUT 1 /' "$d/undo.$1" |
    "$(tool "$1")-restore" -w 10 --noflush >> "$d/log" 2>&1
}
result=unchanged
for f in 4 6; do
  if [ -s "$d/undo.$f" ] && ours $f; then
    ipset -exist restore < "$d/undo.sets" >> "$d/log" 2>&1
    if back $f; then result=reverted; else result=failed; fi
  fi
done
while read -r set; do ipset destroy "$set" 2>/dev/null; done < "$d/undo.drop"
echo "$result" > "$d/fired"
[ "$result" != failed ]
"""


def directory(change_id: str) -> str:
    """Return a change's directory on the device."""
    return f"{ROOT}/{change_id}"


def files(remediation: LinuxRemediation, seconds: int) -> dict[str, str]:
    """Return what is put into the change's directory, by file name."""
    back = remediation.backward
    result = {
        "revert": _filled(_REVERT, remediation.change_id, seconds),
        "undo.sets": back.sets_before,
        "undo.drop": "".join(f"{name}\n" for name in back.sets_after),
        **_numbered("undo", back.files),
        **_numbered("settle", settle_files(remediation)),
    }
    if remediation.intended.empty:
        result["emptied"] = ""
    return result


def _numbered(prefix: str, texts: Mapping[Family, str]) -> dict[str, str]:
    return {f"{prefix}.{family}": text for family, text in texts.items()}


def _filled(script: str, change_id: str, seconds: int = 0) -> str:
    values = {
        "@ID@": change_id,
        "@DIR@": directory(change_id),
        "@SECONDS@": str(seconds),
        "@LOCK@": LOCK,
        "@MARK@": MARK,
        "@UNIT@": UNIT,
        "@WAIT@": str(LOCK_SECONDS),
    }
    for name, value in values.items():
        script = script.replace(name, value)
    return script


def put_file(path: str, text: str) -> str:
    """Return shell that writes a file; the text is never on a command line."""
    body = text if text.endswith("\n") or not text else f"{text}\n"
    return f"cat > {path} <<'KC-END' || return 1\n{body}KC-END\n"


def checksum(contents: Mapping[str, str]) -> str:
    """Return the sha256 of the files' contents, one after another in the order of names."""
    return hashlib.sha256("".join(contents[n] for n in sorted(contents)).encode()).hexdigest()


_ARM = r"""
store() {
  mkdir -p -m 700 @DIR@ || return 1
  if [ -e @DIR@/armed ] || [ -e @DIR@/fired ] || [ -e @DIR@/cancelled ]; then return 0; fi
@FILES@
}
run store store || return 1
run whole sh -c 'cd @DIR@ && cat @NAMES@ | sha256sum'
start() {
  [ -e @DIR@/pid ] && return 0
  echo $(($(date +%s) + @SECONDS@)) > @DIR@/armed || return 1
  here=$(readlink /proc/self/ns/net)
  if [ -d /run/systemd/system ] && [ "$(readlink /proc/1/ns/net)" = "$here" ]; then
    systemd-run --quiet --unit=@UNIT@@ID@ --on-active=@SECONDS@ \
      --timer-property=AccuracySec=1s /bin/sh @DIR@/revert now && echo systemd > @DIR@/pid
  else
    setsid /bin/sh @DIR@/revert wait </dev/null >/dev/null 2>&1 &
    for try in 1 2 3 4 5 6 7 8 9 10; do [ -s @DIR@/pid ] && return 0; sleep 0.02; done
    return 1
  fi
}
run start start
"""

_VERIFY = r"""
alive() {
  [ -e @DIR@/armed ] || { echo "the timer is not armed any more"; return 1; }
  pid=$(cat @DIR@/pid)
  if [ "$pid" = systemd ]; then systemctl is-active --quiet @UNIT@@ID@.timer
  else tr '\0' ' ' < /proc/$pid/cmdline | grep -q '@DIR@/revert wait'; fi
}
run alive alive
"""


def arm_script(remediation: LinuxRemediation, seconds: int) -> str:
    """Return shell that stores the way back, starts the timer, and looks whether it runs."""
    contents = files(remediation, seconds)
    change = remediation.change_id
    writes = "".join(put_file(f"{directory(change)}/{n}", t) for n, t in contents.items())
    checks = " && ".join([f"[ -e {directory(change)}/{name} ]" for name in contents])
    script = _ARM.replace("@FILES@", f"{writes}\n{checks}").replace(
        "@NAMES@", " ".join(sorted(contents))
    )
    return _filled(script + _VERIFY, change, seconds)


def verify_script(change_id: str) -> str:
    """Return shell that looks whether the timer runs."""
    return _filled(_VERIFY, change_id)


_CANCEL = r"""
cancel() {
  if mv @DIR@/armed @DIR@/cancelled 2>/dev/null; then
    pid=$(cat @DIR@/pid)
    if [ "$pid" = systemd ]; then systemctl stop @UNIT@@ID@.timer
    else kill -- "-$pid" 2>/dev/null; fi
  fi
  if [ -e @DIR@/cancelled ]; then echo cancelled
  elif [ -e @DIR@/fired ]; then echo fired; cat @DIR@/fired
  else echo absent; fi
}
settle() {
  [ -e @DIR@/cancelled ] || return 0
  exec 9>>@LOCK@
  flock -w @WAIT@ 9 || return 1
  for f in 6 4; do
    if [ $f = 4 ]; then tool=iptables; else tool=ip6tables; fi
    if [ -s @DIR@/settle.$f ] && $tool-save -t filter | grep -q 'knockctl:@ID@"'; then
      $tool-restore -w 10 --noflush < @DIR@/settle.$f || return 1
    fi
  done
  exec 9>&-
}
run cancel cancel
run settle settle
"""

_FIRE = r"""
run fire /bin/sh @DIR@/revert now
run state sh -c 'if [ -e @DIR@/cancelled ]; then echo cancelled
  elif [ -e @DIR@/fired ]; then echo fired; cat @DIR@/fired; else echo absent; fi'
run stop sh -c 'pid=$(cat @DIR@/pid); if [ "$pid" = systemd ]; then systemctl stop @UNIT@@ID@.timer
  else kill -- "-$pid"; fi'
"""

_FORGET = r"""
run forget sh -c '[ ! -e @DIR@/armed ] && rm -rf @DIR@'
"""

_PENDING = r"""
pending() {
  for d in @ROOT@/*/; do
    [ -d "$d" ] || continue
    id=$(basename "$d")
    if [ -e "$d/armed" ]; then echo "$id armed $(($(cat "$d/armed") - $(date +%s)))"
    elif [ -e "$d/cancelled" ]; then echo "$id cancelled 0"
    elif [ -e "$d/fired" ]; then echo "$id fired 0"; fi
  done
}
run pending pending
"""


def cancel_script(change_id: str) -> str:
    """Return shell that stops the timer, or learns that it fired, and settles the mark."""
    return _filled(_CANCEL, change_id)


def fire_script(change_id: str) -> str:
    """Return shell that takes the change back now."""
    return _filled(_FIRE, change_id)


def forget_script(change_id: str) -> str:
    """Return shell that removes a settled change's directory."""
    return _filled(_FORGET, change_id)


def pending_script() -> str:
    """Return shell that lists every change the device still has a directory for."""
    return _PENDING.replace("@ROOT@", ROOT)
