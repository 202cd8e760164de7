"""The whole job on the lab's router: deployed, visited, scanned, compared, taken back."""

import json

import pytest

from knockctl.policy.loader import load_all, resolve
from knockctl_routeros.placement import RouterPlacement
from knockctl_routeros.render.render import render
from tests.e2e.test_lab_verdicts import EVERYTHING, RESETTING, judge, scenes_over_both, visits
from tests.fixtures.crew import SSH_BOX, TOML
from tests.fixtures.lab import KNOCKCTL

pytestmark = pytest.mark.lab

THEIRS = "".join(
    f"/ip firewall filter\nadd action=accept chain=input src-address=10.0.{n}.0/24 comment=t{n}\n"
    f"/ip firewall address-list\nadd list=theirs address=10.1.{n}.1\n"
    for n in range(100)
)


def write_inventory(folder, text):
    """An inventory of mikrotik1 alone, with one policy."""
    name = text.split()[1]
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / f"{name}.yaml").write_text(text)
    entry = {
        "hostname": "192.0.2.12",
        "port": 8729,
        "username": "admin",
        "password": "lab:admin",
        "platform": "mikrotik_routeros",
        "connection_options": {"knockctl": {"extras": {"ca_file": "/run/knockctl-lab/ca.pem"}}},
        "data": {
            "knockctl": {
                "policies": [name],
                "placement": {
                    "addresses": ["198.51.100.12", "2001:db8:51::12"],
                    "management": {"sources": ["192.0.2.1/32"], "port": 8729},
                },
            }
        },
    }
    (folder / "hosts.yaml").write_text(json.dumps({"mikrotik1": entry}, indent=1))
    (folder / "knockctl.toml").write_text(TOML)
    return folder


def done(lab, folder, *argv, code=0):
    result = lab.knockctl(*argv, inventory=folder)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout


def export(lab):
    text = lab.router(export="")["export"]
    return [line for line in text.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("text", [EVERYTHING, RESETTING, SSH_BOX], ids=["lockout", "reset", "seed"])
def test_every_way_in_and_every_way_out(lab, tmp_path, text):
    """The verdicts are those of the automaton, relaxed as the notes of the deploy say."""
    folder = write_inventory(tmp_path / "i", text)
    policy = resolve(load_all(folder / "policies")[text.split()[1]], None)
    relaxed = render([policy], RouterPlacement()).relaxed
    done(lab, folder, "deploy", "mikrotik1", "--yes")
    scenes = scenes_over_both()
    seen_of_all = visits(lab, [scene for _, scene in scenes], "12")
    problems = [
        problem
        for (title, scene), seen in zip(scenes, seen_of_all, strict=True)
        for problem in judge(policy, title, scene, seen, relaxed)
    ]
    assert not problems, "\n".join(problems)


def opens(lab, target, source):
    check = f"knock --host {target} --source {source} tcp/9 --check tcp/22 --timeout 0.3"
    return lab.run("wan", KNOCKCTL, *check.split()).returncode == 0


def test_three_clients_a_scan_and_the_way_back(lab, tmp_path):
    """Debian's knock, ncat and ours open the service; a scan finds nothing; nothing foreign moves.

    Each client comes from where it is alone: after a single use a new sequence has to wait.
    """
    lab.router(load=THEIRS)
    before = export(lab)
    folder = write_inventory(tmp_path / "i", SSH_BOX)
    done(lab, folder, "deploy", "mikrotik1", "--yes", "--reason", "test")
    assert "no differences" in done(lab, folder, "diff", "mikrotik1", "--exit-code")
    ours = "198.51.100.100"
    assert lab.run("wan", "sh", "-c", "knock 198.51.100.12 1234 2345 3456").returncode == 0
    assert opens(lab, "198.51.100.12", ours)
    assert not opens(lab, "198.51.100.12", ours), "single use"
    for number, source in ((1, "198.51.100.101"), (2, "2001:db8:51::102")):
        target, bracket = ("198.51.100.12", "") if number == 1 else ("2001:db8:51::12", "-6")
        knock = f"for i in 1234 2345 3456; do ncat {bracket} -s {source} -w 0.1 {target} $i; done"
        assert not opens(lab, target, source)
        lab.run("wan", "sh", "-c", knock)
        assert opens(lab, target, source)
    client = "knock --host 198.51.100.12 --source 198.51.100.103 1234 2345 3456 --check tcp/22"
    assert lab.run("wan", KNOCKCTL, *client.split()).returncode == 0
    found = lab.shell("wan", "nmap -n -Pn -p1-4000 --max-retries 0 -oG - 198.51.100.12")
    assert "80/open/" in found, "the router's other services are untouched"
    for port in (22, 1234, 2345, 3456):
        assert f" {port}/open/" not in found
    lab.router(load='/ip firewall filter remove [find where comment~"knockctl:ssh-box:knock 2"]')
    drift = done(lab, folder, "diff", "mikrotik1", "--exit-code", code=3)
    assert drift.count("+ ") == 1
    done(lab, folder, "deploy", "mikrotik1", "--yes")
    theirs = [line for line in export(lab) if "knockctl" not in line and "kc-" not in line]
    assert [line for line in before if "comment=t" in line] == [
        line for line in theirs if "comment=t" in line
    ]
    done(lab, folder, "remove", "mikrotik1", "--yes")
    assert export(lab) == before
