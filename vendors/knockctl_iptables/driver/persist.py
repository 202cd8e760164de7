"""What makes the rules survive a reboot: our own unit, our own objects, empty sets.

The loader runs before the network comes up. Where it can't load everything it closes: new
flows to the services are refused rather than let in.
"""

from __future__ import annotations

from knockctl_iptables.config.records import (
    ENTRY,
    FAMILIES,
    GATE,
    JUMP,
    NOISE,
    REJECT,
    Family,
    LinuxConfig,
    Rule,
    Table,
)
from knockctl_iptables.config.words import goto, rule
from knockctl_iptables.driver.revert import put_file

ROOT = "/etc/knockctl"
UNIT = "knockctl.service"
UNIT_PATH = f"/etc/systemd/system/{UNIT}"

_LOADER = r"""#!/bin/sh
# Loads knockctl's rules at boot. Written by knockctl; harmless to run again.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
status=0
if [ -s @ROOT@/sets ]; then ipset -exist restore < @ROOT@/sets || status=1; fi
for tool in ip6tables iptables; do
  [ -s "@ROOT@/$tool" ] || continue
  "$tool-save" -t filter | grep -q '^:KC_MARK ' && continue
  if ! "$tool-restore" -w 30 --noflush < "@ROOT@/$tool"; then
    status=1
    "$tool-restore" -w 30 --noflush < "@ROOT@/$tool.closed"
  fi
done
exit $status
"""

_UNIT = f"""[Unit]
Description=Port-knocking rules written by knockctl
DefaultDependencies=no
After=local-fs.target systemd-modules-load.service netfilter-persistent.service
After=iptables.service ip6tables.service ipset.service nftables.service
Before=network-pre.target
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {ROOT}/load

[Install]
WantedBy=multi-user.target
"""

_ENABLE = f"""
if [ -d /run/systemd/system ]; then
  run enable systemctl --quiet enable {UNIT}
else
  run noboot echo 'no systemd: nothing runs {ROOT}/load at boot'
fi
"""

_REMOVE = f"""
gone() {{
  if [ -d /run/systemd/system ] && [ -e {UNIT_PATH} ]; then systemctl --quiet disable {UNIT}; fi
  rm -f {UNIT_PATH} && rm -rf {ROOT}
}}
run gone gone
"""


def persist_script(config: LinuxConfig) -> str:
    """Return shell that makes this config the one a reboot brings; an empty one, none.

    Files are written beside the old ones and moved into place, the loader last.
    """
    if config.empty:
        return _REMOVE
    texts = {"load": _LOADER.replace("@ROOT@", ROOT), "sets": _sets(config)}
    for family in FAMILIES:
        tool = "iptables" if family == 4 else "ip6tables"
        texts[tool] = rules(config, family)
        texts[f"{tool}.closed"] = closed(config, family)
    writes = "".join(f"{put_file(f'{ROOT}/{n}.new', t)}" for n, t in texts.items())
    checks = " && ".join(
        f"[ $(wc -c < {ROOT}/{n}.new) = {len(t.encode())} ]" for n, t in texts.items()
    )
    moves = " && ".join(f"mv {ROOT}/{n}.new {ROOT}/{n}" for n in texts)
    return (
        f"store() {{\nmkdir -p -m 700 {ROOT} || return 1\n{writes}{checks} && {moves} || return 1\n"
        f"[ -d /etc/systemd/system ] || return 0\n{put_file(f'{UNIT_PATH}.new', _UNIT)}"
        f"chmod 644 {UNIT_PATH}.new && mv {UNIT_PATH}.new {UNIT_PATH}\n}}\n"
        f"run store store || return 1\n{_ENABLE}"
    )


def _sets(config: LinuxConfig) -> str:
    return "".join(f"{s.create()}\n" for s in sorted(config.sets, key=lambda s: s.name))


def rules(config: LinuxConfig, family: Family) -> str:
    """Return the restore file that brings one family's part back on an empty host."""
    table = config.table(family)
    lines = [line for line in table.lines() if not line.startswith("-A INPUT ")]
    if not lines:
        return ""
    jump = [f"-I INPUT 1 {Rule(JUMP)}"] * table.jumps
    return "".join(f"{line}\n" for line in (*lines[:-1], *jump, lines[-1]))


def closed(config: LinuxConfig, family: Family) -> str:
    """Return a restore file that needs no sets: services shut, management and known flows open."""
    table = config.table(family)
    if table.empty:
        return ""
    open_rules = [r for r in table.chains[GATE] if r.target in ("ACCEPT", "RETURN", NOISE)]
    gate = (*(r for r in open_rules if "--match-set" not in r.words), rule(goto(NOISE)))
    kept = {name: table.chains[name] for name in (ENTRY, NOISE, REJECT) if name in table.chains}
    return rules(LinuxConfig({family: Table({**kept, GATE: gate}, table.jumps)}), family)
