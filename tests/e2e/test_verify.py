"""`verify --running` on a real host: proof, somebody else's rules, and the seed's own rule set."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

SEED = Path(__file__).parents[1] / "fixtures" / "seed.rules"
ABOVE = "iptables -I INPUT 1 -p tcp -m tcp --dport 22 "


@pytest.fixture
def deployed(lab):
    lab.clean()
    done = lab.knockctl("deploy", "linux1", "--yes")
    assert done.returncode == 0, done.stderr
    yield lab
    lab.clean()


def verify(lab):
    done = lab.knockctl("-o", "json", "verify", "linux1", "--running")
    (proof,) = json.loads(done.stdout)["result"]["devices"]
    return done.returncode, proof, {check["name"]: check for check in proof["checks"]}


def packets(counterexample):
    return [row["packet"] for row in counterexample["trace"]]


def test_what_was_deployed_is_proved_as_it_runs(deployed):
    code, proof, checks = verify(deployed)
    assert (code, proof["status"], proof["evidence"]) == (0, "proved", "kernel")
    assert all(check["states"] and check["status"] == "proved" for check in checks.values())
    assert list(checks) == [
        "our rules",
        "nobody gets in without the knock",
        "management stays reachable",
    ]


def test_a_trace_is_played_through_what_the_device_runs_now(deployed):
    deployed.shell("linux1", f"{ABOVE} -j ACCEPT")
    done = deployed.knockctl("simulate", "--device", "linux1", "--running", "tcp/22")
    assert done.returncode == 0, done.stderr
    assert "tcp/22 SYN: refuse, a repeat, or too early" in done.stdout
    assert "DIFFERS: device: accept, iptables INPUT rule 1" in done.stdout


def test_an_accept_above_ours_is_found_and_named(deployed):
    deployed.shell("linux1", f"{ABOVE} -j ACCEPT")
    code, _, checks = verify(deployed)
    assert code == 6
    assert checks["our rules"]["status"] == "proved"
    (first, *_) = checks["nobody gets in without the knock"]["counterexamples"]
    assert packets(first) == ["tcp/22 SYN"]
    assert first["trace"][0]["rule"] == (
        "iptables INPUT rule 1: -p tcp -m tcp --dport 22 -j ACCEPT"
    )


def test_a_match_nobody_can_interpret_is_unknown_and_named(deployed):
    deployed.shell("linux1", f"{ABOVE} -m length --length 60 -j ACCEPT")
    code, _, checks = verify(deployed)
    assert code == 7
    check = checks["nobody gets in without the knock"]
    assert check["status"] == "unknown"
    assert "iptables INPUT rule 1" in check["reasons"][0]
    assert "--length 60" in check["reasons"][0]


def test_a_match_nobody_can_interpret_that_only_refuses_spoils_no_proof(deployed):
    deployed.shell("linux1", f"{ABOVE} -m length --length 99 -j DROP")
    code, proof, _ = verify(deployed)
    # It may refuse a client who knocked, and management, which comes over the same port.
    assert code == 7
    told = [one["text"] for one in proof["findings"] if "length" in one["text"]]
    assert told
    assert all(text.startswith("it may be that ") for text in told)


def test_a_rule_that_keeps_management_out_is_found(deployed):
    deployed.shell("linux1", f"{ABOVE} -s 192.0.2.77/32 -j DROP")
    code, _, checks = verify(deployed)
    assert code == 6
    (found,) = checks["management stays reachable"]["counterexamples"]
    assert found["trace"][-1]["source"] == "192.0.2.77"


def test_a_rule_of_ours_that_somebody_took_out_is_found(deployed):
    deployed.shell("linux1", "iptables -D KC_ssh-box_in 1")
    code, _, checks = verify(deployed)
    assert code == 6
    (found,) = checks["our rules"]["counterexamples"]
    assert packets(found)[-2:] == ["tcp/22 SYN", "tcp/22 SYN"]
    assert (found["trace"][-1]["expected"], found["trace"][-1]["got"]) == ("refuse", "accept")


def test_the_gaps_of_the_seeds_rule_set_are_found_as_traces(lab):
    lab.clean()
    try:
        lab.run("linux1", "iptables-restore", input=SEED.read_text(), check=True)
        # The operator's own way in, which the seed leaves to the reader.
        lab.shell("linux1", "iptables -I INPUT 1 -s 192.0.2.0/24 -j ACCEPT")
        code, proof, checks = verify(lab)
    finally:
        lab.clean()
    assert code == 6
    assert "nothing of ours runs there" in proof["warnings"][-1]
    found = {
        (f"IPv{c['family']}", c["what"], *packets(c))
        for c in checks["what it runs"]["counterexamples"]
    }
    one, two, three, ssh = (f"tcp/{port} SYN" for port in (1234, 2345, 3456, 22))
    # IPv6 is open.
    assert ("IPv6", "opens", ssh) in found
    # A stray packet burns the single use.
    assert ("IPv4", "closes", one, two, three, "tcp/9999 SYN", ssh) in found
    # A late repeat resets.
    assert ("IPv4", "closes", one, two, one, three, ssh) in found
    # A bare ACK counts as a knock, and reveals the service.
    honest = (one, two, three, ssh)
    for place in range(3):
        ack = (*honest[:place], honest[place].replace("SYN", "ACK"), *honest[place + 1 :])
        if ("IPv4", "opens", *ack) in found:
            assert ("IPv4", "opens", one, two, three, "tcp/22 ACK") in found
            break
    else:
        pytest.fail(f"no bare ACK counts as a knock in {found}")
    # A repeated first knock prolongs the first step.
    assert ("IPv4", "opens", one, one, two, three, ssh) in found
