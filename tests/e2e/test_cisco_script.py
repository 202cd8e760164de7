"""A Tcl policy on the lab's Cisco router: run by a real interpreter, on real packets."""

import pytest

from tests.e2e.test_cisco_cycle import PAUSE, SCALE, Operated

pytestmark = pytest.mark.lab

POLICY = """
name: scripted
sequence: [udp/46543, udp/28654, tcp/40204]
step_timeout: 30s
grant: {services: [tcp/22, udp/443], duration: 1m}
wrong_knock: reset
traps: [{services: [tcp/666], lockout: 60s}]
public: [tcp/8080]
otherwise: refuse
"""
KNOCKS = [("udp", 46543), ("udp", 28654), ("tcp", 40204)]
SSH, QUIC, TRAP, ELSEWHERE = ("tcp", 22), ("udp", 443), ("tcp", 666), ("tcp", 9999)
TOO_LATE, OVER = 40 / SCALE, 75 / SCALE
"""For the next knock, and for a grant or a lock-out."""


def paced(*packets):
    """Packets with our pauses before them; a number is a longer one."""
    pause, found = PAUSE, []
    for one in packets:
        if isinstance(one, float):
            pause = one
        else:
            found.append((pause, *one))
            pause = PAUSE
    return found


VISITORS = {
    "198.51.100.100": paced(SSH, *KNOCKS, SSH, QUIC),
    "198.51.100.101": paced(*KNOCKS[:2], ELSEWHERE, KNOCKS[2], SSH, *KNOCKS, SSH),
    "198.51.100.102": paced(KNOCKS[0], TRAP, *KNOCKS, SSH, OVER, *KNOCKS, SSH),
    "198.51.100.103": paced(KNOCKS[0], TOO_LATE, *KNOCKS[1:], SSH),
    "198.51.100.104": paced(*KNOCKS, SSH, OVER, SSH),
    "198.51.100.105": paced(("tcp", 8080), ELSEWHERE, SSH),
}


def files(site):
    """What is on flash beside the router's own copies of its configuration."""
    listed = site.type("dir flash:").splitlines()
    names = [line.split()[-1] for line in listed if " -rw- " in line]
    return sorted(name for name in names if "archive" not in name)


def test_a_script_there_and_back(lab, tmp_path):
    """Every verdict is the automaton's; what is said here beside it is what a reader looks for."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "scripted.yaml").write_text(POLICY)
    lab.cisco(switches={"version": "17.9.4"})
    placement = {"method": "acl-log", "order": "tcl"}
    site = Operated(lab, tmp_path / "i", placement, tmp_path / "policies", "scripted")
    before, there = site.export(), files(site)
    site.deploy()
    assert "no differences" in site.do("diff", "--exit-code")
    (name,) = [one for one in files(site) if one.startswith("kc-scripted-")]
    seen = site.visit(VISITORS)
    assert seen["198.51.100.100"] == ["silence"] * 4 + ["answer"] * 2
    assert seen["198.51.100.101"] == ["silence"] * 8 + ["answer"], "a wrong knock resets"
    assert seen["198.51.100.102"] == ["silence"] * 9 + ["answer"], "a trap locks out, for a while"
    assert seen["198.51.100.103"] == ["silence"] * 4, "too late"
    assert seen["198.51.100.104"] == ["silence"] * 3 + ["answer", "silence"], "a grant ends"
    assert seen["198.51.100.105"] == ["answer", "silence", "silence"], "public"
    runs = site.type("show event manager history events")
    assert f"script: {name}" in runs
    assert "abort" not in runs
    assert "0 states" not in site.do("verify", code=7)
    site.type("tclsh", f'puts [open "flash:{name}" w+] {{set kc(step) 900}}', "tclquit")
    drift = site.do("diff", "--exit-code", code=3)
    assert "set kc(step) 900" in drift
    assert "set kc(step) 30" in drift
    site.do("rollback", "--yes")
    assert site.export() == before
    assert files(site) == there
