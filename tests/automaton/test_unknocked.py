"""Ways in without the knock, apart from what only loses a reset: foreign rules on Linux."""

import pytest

from knockctl.verify import prove
from knockctl.verify.gaps import unknocked
from knockctl.verify.prove import Status, opens
from tests.fixtures.iptables_judged import REVOKING, SSH, claim_of, running, saved, text_of

LIST = "--name door --mask 255.255.255.255 --rsource"
DOOR = f"""\
-A DOOR -m recent --rcheck --seconds 60 --hitcount 2 {LIST} -j ACCEPT
-A DOOR -p tcp -m tcp --dport 22 --syn -m recent --set {LIST}
"""


def ways(*rules, policy=SSH, **more):
    """Return what was found without the knock, and with it."""
    model = running(text_of({4: saved(rules, **more)}), policy, position=99).model
    claim = claim_of(model, policy, position=99)
    return unknocked(claim, opens, budget=100_000), claim


def last_rules(findings):
    return sorted(finding.trace[-1].rule.split(": ")[0] for finding in findings)


def test_where_only_a_reset_is_lost_nobody_gets_in_without_the_knock():
    found, claim = ways("-p udp -m udp --dport 53 -j ACCEPT")
    assert prove.prove(claim, opens).status is Status.COUNTEREXAMPLE
    assert (found.result.status, found.result.findings) == (Status.PROVED, [])
    packets = [row.packet for row in found.knocked[0].trace]
    assert [p for p in packets if p.startswith("tcp")] == [
        "tcp/1001 SYN",
        "tcp/1002 SYN",
        "tcp/1003 SYN",
        "tcp/22 SYN",
    ]
    assert "udp/53" in packets


def test_a_way_in_is_listed_beside_what_is_lost():
    rules = "-p udp -m udp --dport 53 -j ACCEPT", "-s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT"
    found, _ = ways(*rules)
    assert found.result.status is Status.COUNTEREXAMPLE
    assert last_rules(found.result.findings) == ["iptables INPUT rule 2"]


def test_a_known_way_in_hides_no_other():
    """One interface is let in; a chain that names no port opens to three SYNs."""
    found, _ = ways("-i mgmt0 -j ACCEPT", "-j DOOR", chains=DOOR)
    assert found.result.status is Status.COUNTEREXAMPLE
    assert last_rules(found.result.findings) == ["iptables DOOR rule 1", "iptables INPUT rule 1"]
    door = next(f for f in found.result.findings if "DOOR" in f.trace[-1].rule)
    assert [row.packet for row in door.trace] == ["tcp/22 SYN"] * 3


def test_a_rule_nobody_understands_leaves_it_unknown():
    found, _ = ways("-p tcp -m tcp --dport 22 -j NFQUEUE --queue-num 0")
    assert found.result.status is Status.UNKNOWN
    assert "NFQUEUE" in found.result.reasons[0]


@pytest.mark.parametrize("policy", [SSH, REVOKING])
def test_nothing_foreign_nothing_found(policy):
    found, _ = ways(policy=policy)
    assert (found.result.status, found.knocked) == (Status.PROVED, [])


def test_a_spent_budget_is_unknown():
    model = running(text_of({4: saved(["-p udp -m udp --dport 53 -j ACCEPT"])}), position=99).model
    found = unknocked(claim_of(model, position=99), opens, budget=5)
    assert found.result.status is Status.UNKNOWN
    assert "budget" in found.result.reasons[0]
