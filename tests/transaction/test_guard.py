"""What a deploy refuses up front."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from knockctl.automaton.chains import ChainRule, Stop
from knockctl.automaton.conditions import Is
from knockctl.automaton.questions import ports
from knockctl.automaton.verdict import Verdict
from knockctl.change.case import Case
from knockctl.change.foreign import Foreign
from knockctl.change.preflight import Machines, check_foreign, check_management, check_notes
from knockctl.contract import Endpoint, FidelityNote, Management, Placement, Rendered
from knockctl.errors import GuardError
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from tests.fixtures.chained import Chains
from tests.fixtures.held import HeldVendor, Memory, Words

NONE = frozenset()
SSH = ResolvedPolicy(
    name="ssh",
    generations=(Generation(1, (Knock("tcp", 1), Knock("tcp", 2))),),
    step_timeout=1,
    services=(Span.parse("tcp/22"),),
    grant_duration=1,
)
HERE = Endpoint(ip_address("192.0.2.1"), ip_address("198.51.100.1"), 22)
PASSES, REFUSES = Chains(), Chains((), (22,))
REFUSED_BEFORE = Chains((ChainRule(Stop(Verdict.REFUSE), Is(ports((22, 22))), "in", 1, "drop"),))


def note(kind, direction):
    return FidelityNote(code="c", kind=kind, direction=direction, policy="p", reason="because")


def test_only_looser_and_unsupported_stop_a_deploy_until_accepted():
    check_notes([note("rounded", "stricter"), note("approximate", "closed")], NONE)
    for one in (note("rounded", "looser"), note("unsupported", "stricter")):
        with pytest.raises(GuardError, match=r"because\n.*--accept c"):
            check_notes([one], NONE)
        check_notes([one], frozenset({"c"}))


def test_what_foreign_rules_do_stops_a_deploy_until_that_rule_is_accepted():
    def told(code, *, blocks=True):
        return Foreign(code=code, kind="exposed", text=f"by {code}", certain=True, blocks=blocks)

    two = [told("exposed:1"), told("exposed:2"), told("reset-lost:3", blocks=False)]
    check_foreign([], NONE, "mend it")
    with pytest.raises(GuardError, match=r"by exposed:1; by exposed:2\n.*mend it, or --accept"):
        check_foreign(two, NONE, "mend it")
    with pytest.raises(GuardError, match=r"^by exposed:2"):
        check_foreign(two, frozenset({"exposed:1"}), "mend it")
    check_foreign(two, frozenset({"exposed:1", "exposed:2"}), "mend it")


def management(
    after=REFUSES, before=PASSES, ours=REFUSES, endpoint=HERE, accept=NONE, policy=SSH, **placed
):
    case = Case(HeldVendor(Memory()), Placement(**placed), Rendered(Words(), (policy,)))
    return check_management(endpoint, case, Machines(before, after, ours), accept)


def test_a_connection_that_the_change_would_refuse_stops_it():
    with pytest.raises(GuardError, match=r"tcp/22 on 198\.51\.100\.1.*192\.0\.2\.1: ours"):
        management()
    with pytest.raises(GuardError, match=r"tcp/22"):
        management(before=REFUSES)
    assert management(accept=frozenset({"management"})) is None
    assert management(endpoint=None) is None
    assert management(after=PASSES) is None


def test_what_foreign_rules_refuse_already_is_told_and_stops_nothing():
    told = management(after=REFUSED_BEFORE, before=REFUSED_BEFORE, ours=PASSES)
    assert (
        told
        == "foreign rules refuse tcp/22 on 198.51.100.1 from 192.0.2.1 already: in rule 1: drop"
    )


def test_a_foreign_rule_that_begins_to_refuse_with_the_change_stops_it():
    with pytest.raises(GuardError, match="in rule 1: drop"):
        management(after=REFUSED_BEFORE, ours=PASSES)


def test_who_may_be_locked_out_of_management_is_warned():
    policy = replace(SSH, wrong_knock="lockout", lockout=60, otherwise="pass")
    elsewhere = replace(HERE, port=2222)
    told = management(after=PASSES, endpoint=elsewhere, policy=policy)
    assert "a lock-out of 192.0.2.1 would cut off tcp/2222" in told
    listed = Management(sources=(ip_network("192.0.2.0/24"),), port=2222)
    safe = management(after=PASSES, endpoint=elsewhere, policy=policy, management=listed)
    assert safe is None
