"""verify, simulate and policy graph from the command line, without a device."""

import json
import shutil

import jsonschema
import pytest

from knockctl.cli.app import run
from knockctl.inventory.init import init
from tests.fixtures.lab import INVENTORY, ROOT

OUTPUT = json.loads((ROOT / "docs" / "schema" / "output.schema.json").read_text())
LAB = str(INVENTORY)


@pytest.fixture
def new(tmp_path):
    init(tmp_path / "new")
    return tmp_path / "new"


def answer(capsys, *argv):
    code = run(["-o", "json", *argv])
    lines = capsys.readouterr().out.splitlines()
    envelope = json.loads(lines[-1])
    jsonschema.validate(envelope, OUTPUT)
    return code, envelope


def test_what_would_be_deployed_is_proved(new, capsys):
    code, envelope = answer(capsys, "-i", str(new), "verify")
    assert (code, envelope["ok"]) == (0, True)
    for proof in envelope["result"]["devices"]:
        assert (proof["status"], proof["evidence"]) == ("proved", "kernel")
        assert proof["checks"][0]["states"] > 3
        assert proof["assumptions"]


def test_a_company_with_devices_of_every_kind(monkeypatch, capsys, tmp_path):
    """One without policies has nothing to prove; one nobody serves is told, the rest goes on."""
    monkeypatch.setenv("EDGE_VPN_SEQUENCE", "tcp/7481 tcp/29154 udp/11870")
    company = shutil.copytree(ROOT / "inventories" / "example", tmp_path / "company")
    groups = company / "groups.yaml"
    groups.write_text(groups.read_text().replace("cisco_ios", "juniper_junos"))
    code, envelope = answer(capsys, "-i", str(company), "verify")
    found = {proof["device"]: proof for proof in envelope["result"]["devices"]}
    assert code == 4
    assert found["bastion-east"]["status"] == "proved"
    assert (found["bastion-west"]["status"], found["bastion-west"]["policies"]) == ("proved", [])
    assert "no installed vendor package serves" in found["br-mill"]["error"]


def test_a_spent_budget_ends_with_seven(capsys):
    assert run(["-i", LAB, "verify", "linux1", "--budget", "5"]) == 7
    said = capsys.readouterr().out
    assert "linux1: ssh-box: unknown [kernel]" in said
    assert "the budget of 5 packets is spent" in said


def test_where_the_device_can_hold_less_it_says_what_was_proved(new, capsys):
    policy = new / "policies" / "ssh-knock.yaml"
    text = policy.read_text()
    assert "duration: " in text
    lines = [
        line.replace(line.split("duration: ")[1], "9000d") if "duration: " in line else line
        for line in text.splitlines()
    ]
    policy.write_text("\n".join(lines) + "\n")
    code, envelope = answer(capsys, "-i", str(new), "verify", "bastion1")
    (proof,) = envelope["result"]["devices"]
    assert code == 0
    assert any("grant: stated" in line and "proved" in line for line in proof["effective"])
    assert any("timeout-capped" in note for note in proof["notes"])


def test_a_trace_through_a_policy_and_a_device(capsys, tmp_path):
    code, envelope = answer(capsys, "-i", LAB, "simulate", "--policy", "ssh-box", "tcp/1234")
    (step,) = envelope["result"]["steps"]
    assert (code, step["verdict"], step["rules"]) == (0, "refuse", ["4"])
    trace = tmp_path / "trace.txt"
    trace.write_text("0 tcp/1234\n1 tcp/2345\n2 tcp/3456\n3 tcp/22\n")
    code, envelope = answer(capsys, "-i", LAB, "simulate", "--device", "linux1", str(trace))
    last = envelope["result"]["steps"][-1]
    assert (last["verdict"], last["device_verdict"], last["differs"]) == ("accept", "accept", False)
    assert last["device_rules"][-1].startswith("iptables KC_ssh-box_in rule 2")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["simulate", "tcp/22"], 2, "either a policy or a device"),
        (["simulate", "--policy", "ssh-box", "--device", "linux1", "tcp/22"], 2, "either"),
        (["simulate", "--policy", "ssh-box"], 2, "there is no trace"),
        (["simulate", "--policy", "ssh-box", "nonsense"], 2, "'nonsense' is not a packet"),
        (["simulate", "--policy", "ssh-box", "--from", "me", "tcp/22"], 2, "'me'"),
        (["simulate", "--policy", "ssh-bx", "tcp/22"], 1, "no such policy"),
        (["simulate", "--device", "linux2", "tcp/22"], 1, "linux2"),
        (["policy", "graph", "ssh-box", "--format", "png"], 2, "is no format"),
        (["policy", "graph", "ssh-box", "--output", "/nowhere/x.svg"], 2, "can't be written"),
        (["verify", "linux2"], 1, "linux2"),
    ],
)
def test_what_is_wrong_is_told(argv, code, said, capsys):
    assert run(["-i", LAB, *argv]) == code
    assert said in capsys.readouterr().err


def test_a_policy_as_a_picture(capsys, tmp_path):
    file = tmp_path / "policy.svg"
    assert run(["-i", LAB, "policy", "graph", "globalprotect", "--output", str(file)]) == 0
    assert file.read_text().startswith("<svg") or "<svg" in file.read_text()[:200]
    code, envelope = answer(capsys, "-i", LAB, "policy", "graph", "ssh-box")
    assert code == 0
    assert {"source": "start", "target": "s1", "label": "tcp/1234"} in envelope["result"]["edges"]
    assert run(["policy", "graph", str(INVENTORY / "policies" / "ssh-box.yaml")]) == 0
    assert capsys.readouterr().out.startswith("stateDiagram-v2")


def test_odds_and_traces_of_lint_are_in_the_json(capsys):
    code, envelope = answer(capsys, "policy", "check", str(INVENTORY / "policies"))
    assert code == 0
    found = {one["name"]: one for one in envelope["result"]["policies"]}
    assert found["globalprotect"]["odds"]["guesses"] == 131072**5
    traces = [w["trace"] for w in found["globalprotect"]["warnings"] if w["trace"]]
    assert traces[0][-1]["rule"] in ("6", "7")


def test_secret_ports_stay_secret_in_proofs_and_pictures(new, capsys, monkeypatch):
    monkeypatch.setenv("KNOCKS", "tcp/41001 tcp/41502 udp/42003")
    policy = new / "policies" / "ssh-knock.yaml"
    text = policy.read_text()
    start = text.index("sequence:")
    rest = text[text.index("\n", start) :]
    policy.write_text(f"{text[:start]}sequence: env:KNOCKS{rest}")
    for argv in (
        ["verify"],
        ["policy", "graph", "ssh-knock"],
        ["policy", "graph", "ssh-knock", "--format", "svg"],
        ["policy", "check", "--resolve"],
        ["-o", "json", "verify"],
        ["-o", "json", "policy", "graph", "ssh-knock"],
        ["-o", "json", "policy", "check", "--resolve"],
        ["simulate", "--policy", "ssh-knock", "tcp/41001", "tcp/41502"],
        ["-o", "json", "simulate", "--device", "bastion1", "tcp/41001"],
    ):
        assert run(["-i", str(new), *argv]) == 0
        captured = capsys.readouterr()
        assert not any(port in captured.out + captured.err for port in ("41001", "41502", "42003"))


FIREWALL = """\
fw:
  hostname: 127.0.0.1
  platform: paloalto_panos
  data: {knockctl: {policies: [ssh-knock], placement: {addresses: [127.0.0.1]}}}
"""


def test_a_device_that_shows_changes_late_is_proved_and_says_what_of_whom(new, capsys):
    (new / "hosts.yaml").write_text(FIREWALL)
    code, envelope = answer(capsys, "-i", str(new), "verify")
    (proof,) = envelope["result"]["devices"]
    assert (code, proof["status"], proof["evidence"]) == (0, "proved", "fact sheet")
    assert any("sends nothing for 5 s after a packet" in said for said in proof["assumptions"])
    assert any(note.startswith("tag-delay (approximate, looser)") for note in proof["notes"])
    assert proof["effective"] == ["ssh-knock: step_timeout: stated 10s, proved 1m"]


def test_of_several_policies_each_is_proved_late_by_itself(new, capsys):
    text = (new / "policies" / "ssh-knock.yaml").read_text()
    other = text.replace("ssh-knock", "web").replace("tcp/22", "tcp/443")
    for old, port in (("7201", "7301"), ("28340", "28341"), ("19406", "19407")):
        other = other.replace(old, port)
    (new / "policies" / "web.yaml").write_text(other)
    (new / "hosts.yaml").write_text(FIREWALL.replace("[ssh-knock]", "[ssh-knock, web]"))
    code, envelope = answer(capsys, "-i", str(new), "verify")
    (proof,) = envelope["result"]["devices"]
    assert (code, proof["status"]) == (0, "proved")
    names = [check["name"] for check in proof["checks"]]
    assert names == ["the rendered rules", "ssh-knock by itself", "web by itself"]


def test_what_comes_too_soon_for_a_late_device_is_said_and_not_held_against_it(new, capsys):
    (new / "hosts.yaml").write_text(FIREWALL)
    trace = ["tcp/7201", "udp/9@1", "udp/28340@7", "tcp/19406@13", "tcp/22@19"]
    code, envelope = answer(capsys, "-i", str(new), "simulate", "--device", "fw", *trace)
    steps = envelope["result"]["steps"]
    assert code == 0
    assert not any(step["differs"] for step in steps)
    assert "too soon: what came before need not show yet" in steps[1]["why"]
    assert (steps[-1]["verdict"], steps[-1]["device_verdict"]) == ("accept", "accept")
