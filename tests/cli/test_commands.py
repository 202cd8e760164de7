"""The command line in this process: what needs no device."""

import json
import pathlib
import re
import time

import jsonschema
import pytest

from knockctl.cli.app import run
from knockctl.cli.schemas import output_schema
from knockctl.inventory.init import init
from tests.fixtures.lab import INVENTORY, ROOT

OUTPUT = json.loads((ROOT / "docs" / "schema" / "output.schema.json").read_text())


def test_the_committed_schema_of_the_output_is_fresh():
    assert json.loads(output_schema()) == OUTPUT


@pytest.fixture
def new(tmp_path):
    init(tmp_path / "new")
    return str(tmp_path / "new")


@pytest.fixture
def said(capsys):
    def words():
        captured = capsys.readouterr()
        return captured.out, captured.err

    return words


def test_init_check_show_inventory_render(tmp_path, said):
    folder = str(tmp_path / "new")
    assert run(["init", folder]) == 0
    assert "hosts.yaml" in said()[0]
    assert run(["-i", folder, "policy", "check"]) == 0
    assert "ssh-knock: well-formed" in said()[0]
    assert run(["-i", folder, "policy", "check", "--strict"]) == 1
    assert "silent-ports-stand-out" in said()[1]
    assert run(["-i", folder, "policy", "show", "ssh-knock"]) == 0
    assert "knocks tcp/7201 udp/28340 tcp/19406" in said()[0]
    assert run(["-i", folder, "inventory"]) == 0
    assert "bastion1  linux  192.0.2.10" in said()[0]
    assert run(["-i", folder, "render"]) == 0
    out, _ = said()
    assert "-A KC_GATE -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT" in out
    assert out.count("*filter") == 2


def test_every_answer_has_its_json(new, said):
    for argv, kind in (
        (["policy", "check"], "policy-check"),
        (["policy", "show", "ssh-knock"], "policy"),
        (["inventory"], "inventory"),
        (["render"], "render"),
        (["history"], "history"),
        (["lab", "status"], "lab-status"),
    ):
        assert run(["-i", new, "-o", "json", *argv]) == 0
        answer = json.loads(said()[0])
        jsonschema.validate(answer, OUTPUT)
        assert (answer["schema"], answer["ok"], answer["result"]["kind"]) == (1, True, kind)
        assert answer["command"] == " ".join(word for word in argv if word != "ssh-knock")


def test_errors_are_json_too(new, said, tmp_path):
    assert run(["-i", new, "-o", "json", "policy", "show", "none"]) == 1
    out, err = said()
    answer = json.loads(out)
    jsonschema.validate(answer, OUTPUT)
    assert answer["ok"] is False
    assert answer["result"]["errors"][0]["error"] == "InventoryError"
    assert "no such policy 'none'" in err
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: X\n")
    assert run(["-o", "json", "policy", "check", str(bad)]) == 1
    assert len(json.loads(said()[0])["result"]["errors"]) == 4


def test_an_inventory_shows_what_is_not_served(new, said):
    files = [pathlib.Path(new) / f"{name}.yaml" for name in ("hosts", "groups", "defaults")]
    for file in files:
        file.write_text(file.read_text().replace("platform: linux", "platform: fortinet"))
    assert run(["-i", new, "inventory"]) == 0
    assert "not served: no installed vendor package serves the platform 'fortinet'" in said()[0]


def test_the_example_is_served_whole_and_shows_what_is_secret(said, monkeypatch):
    folder = str(ROOT / "inventories" / "example")
    assert run(["-i", folder, "inventory"]) == 0
    assert "not served" not in said()[0]
    assert run(["-i", folder, "policy", "check"]) == 0
    assert "edge-vpn: well-formed (secrets not resolved; see --resolve)" in said()[0]
    monkeypatch.setenv("EDGE_VPN_SEQUENCE", "tcp/41001 tcp/41002")
    assert run(["-i", folder, "policy", "show", "edge-vpn"]) == 0
    assert "knocks tcp/*** tcp/***" in said()[0]
    assert run(["-i", folder, "policy", "show", "edge-vpn", "--reveal"]) == 0
    assert "knocks tcp/41001 tcp/41002" in said()[0]
    assert run(["-i", folder, "render", "bastion-east", "fw-east"]) == 0
    out, _ = said()
    assert "kc-edge-vpn.0000-knock1" in out
    assert not {"41001", "41002"} & set(re.findall("[0-9]+", out))


def test_a_policy_file_is_shown_by_its_path(said):
    path = str(INVENTORY / "policies" / "router-admin.yaml")
    assert run(["policy", "show", path]) == 0
    out, _ = said()
    assert "- services tcp/666, lockout 1000m, unless_granted no" in out
    assert run(["policy", "schema"]) == 0
    assert json.loads(said()[0])["title"] == "knockctl policy"


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["--version"], 0, "knockctl "),
        (["--help"], 0, "deploy"),
        (["deploy"], 2, "no target"),
        (["deploy", "bastion1"], 2, "no terminal"),
        (["deploy", "bastion1", "--yes", "--accept", "a,b c"], 2, "'b c' is no code"),
        (["deploy", "bastion1", "--accept", "a, b", "--accept", "c"], 2, "no terminal"),
        (["knock", "--host", "127.0.0.1", "tcp/1-2"], 2, "is a range"),
        (["knock", "--host", "127.0.0.1", "tcp/1", "--check", "udp/5"], 2, "can't be checked"),
        (["knock", "--host", "127.0.0.1", "1", "-4", "-6"], 2, "exclude each other"),
        (["knock", "bastion1", "none"], 2, "name a policy of bastion1"),
        (["knock", "a", "b", "c"], 2, "TARGET [POLICY]"),
        (["knock", "linux"], 0, "knocked 3 times"),
        (["rollback", "--change", "x", "--yes"], 2, "knows no change x"),
        (["-i", "/none", "diff"], 1, "no inventory folder"),
    ],
)
def test_usage(new, said, argv, code, words, monkeypatch):
    if argv[0] == "knock" and argv[1] in ("bastion1", "linux"):
        hosts = (ROOT / new / "hosts.yaml").read_text().replace("198.51.100.10", "127.0.0.1")
        (ROOT / new / "hosts.yaml").write_text(hosts)
    monkeypatch.setenv("KNOCKCTL_INVENTORY", new)
    assert run(argv) == code
    assert words in "".join(said())


def test_knocking_tells_whether_the_service_opened(said):
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        argv = ["knock", "--host", "127.0.0.1", "9", "--check", f"tcp/{port}", "--timeout", "0.2"]
        assert run(argv) == 4
        server.listen()
        assert run(["-o", "json", *argv]) == 0
    out, _ = said()
    assert json.loads(out.splitlines()[-1])["result"]["open"] is True


FIREWALL = """\
fw:
  hostname: 127.0.0.1
  platform: paloalto_panos
  data: {knockctl: {policies: [ssh-knock], placement: {addresses: [127.0.0.1], tag_delay: LAG}}}
"""


def test_applications_of_a_policy_there_is_not_are_told(new, said):
    hosts = pathlib.Path(new) / "hosts.yaml"
    hosts.write_text(FIREWALL.replace("tag_delay: LAG", "applications: {ssh-nkock: [ssh]}"))
    assert run(["-i", new, "render", "fw"]) == 1
    _, err = said()
    place = "hosts.yaml:1: placement.applications: no such policy 'ssh-nkock'"
    assert f"{place}; did you mean 'ssh-knock'?" in " ".join(err.split())


def test_knocking_takes_as_long_as_the_device_needs(new, said):
    """And says so; whoever wants to hurry is told what may come of it."""
    hosts = pathlib.Path(new) / "hosts.yaml"
    hosts.write_text(FIREWALL.replace("LAG", "1"))
    begun = time.monotonic()
    assert run(["-i", new, "knock", "fw"]) == 0
    assert time.monotonic() - begun > 2
    out, err = said()
    assert "knocked 3 times on 127.0.0.1" in out
    assert "fw may need 1 s to notice a knock: pausing 1.05 s after each" in err
    assert run(["-i", new, "-o", "json", "knock", "fw", "--delay", "0"]) == 0
    out, err = said()
    assert json.loads(out)["result"]["pause"] == 0
    assert "with 0 s between them some may count for nothing" in err
    hosts.write_text(FIREWALL.replace("LAG", "0"))
    assert run(["-i", new, "knock", "fw"]) == 0
    assert said()[1] == ""


def test_a_device_too_slow_for_the_policy_is_told(new, said):
    (pathlib.Path(new) / "hosts.yaml").write_text(FIREWALL.replace("LAG", "60"))
    assert run(["-i", new, "knock", "fw"]) == 1
    assert "a knock may take 60 s to show: nobody could knock in time" in said()[1]


def test_an_internal_error_is_one_line(said, monkeypatch, new):
    monkeypatch.setenv("KNOCKCTL_DEBUG", "1")
    from knockctl.cli.output import report

    assert report(RuntimeError("boom"), ["-i", new, "diff"]) == 1
    _, err = said()
    assert "internal error: RuntimeError: boom" in err
