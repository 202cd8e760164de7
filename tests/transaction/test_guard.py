"""What a deploy refuses up front."""

from ipaddress import ip_address, ip_network

import pytest

from knockctl.errors import GuardError
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.transaction.guard import check_management, check_notes, check_shadows
from knockctl.vendor import Endpoint, FidelityNote, Management, Neighbour, Placement

NONE = frozenset()
SSH = ResolvedPolicy(
    name="ssh",
    generations=(Generation(1, (Knock("tcp", 1), Knock("tcp", 2))),),
    step_timeout=1,
    services=(Span.parse("tcp/22"),),
    grant_duration=1,
)
HERE = Endpoint(ip_address("192.0.2.1"), ip_address("198.51.100.1"), 22)


def note(kind, direction):
    return FidelityNote(code="c", kind=kind, direction=direction, policy="p", reason="because")


def test_only_looser_and_unsupported_stop_a_deploy_until_accepted():
    check_notes([note("rounded", "stricter"), note("approximate", "closed")], NONE)
    for one in (note("rounded", "looser"), note("unsupported", "stricter")):
        with pytest.raises(GuardError, match=r"because\n.*--accept c"):
            check_notes([one], NONE)
        check_notes([one], frozenset({"c"}))


def test_foreign_accepts_above_ours_stop_a_deploy():
    shadow = Neighbour("INPUT rule 1", "-j ACCEPT", "accepts")
    check_shadows([], NONE)
    with pytest.raises(GuardError, match="INPUT rule 1: -j ACCEPT"):
        check_shadows([shadow], NONE)
    check_shadows([shadow], frozenset({"shadowed"}))


def management(policy=SSH, endpoint=HERE, accept=NONE, *, probe=False, **placement):
    check_management(endpoint, [policy], Placement(**placement), accept, will_knock=probe)


def test_the_endpoint_we_manage_over_is_not_governed_unawares():
    with pytest.raises(GuardError, match=r"tcp/22 on 198\.51\.100\.1"):
        management()
    management(probe=True)
    management(accept=frozenset({"management"}))
    management(endpoint=None)
    management(addresses=("198.51.100.9",))
    management(management=Management(sources=("192.0.2.0/24",)))
    with pytest.raises(GuardError):
        management(management=Management(sources=("192.0.2.0/24",), port=2222))
    with pytest.raises(GuardError):
        management(addresses=("2001:db8::1",))


def test_a_trusted_source_or_a_port_nothing_governs_is_free():
    from dataclasses import replace

    management(replace(SSH, trusted=(ip_network("192.0.2.0/24"),)))
    other = Endpoint(HERE.source, HERE.address, 2222)
    management(endpoint=other)
    management(replace(SSH, otherwise="refuse", public=(Span.parse("tcp/2222"),)), endpoint=other)
    with pytest.raises(GuardError):
        management(replace(SSH, otherwise="refuse"), endpoint=other)


def test_where_only_listed_addresses_are_governed_another_family_is_not():
    listed = Placement(addresses=(ip_address("198.51.100.1"),))
    there = Endpoint(ip_address("2001:db8::1"), ip_address("2001:db8::2"), 22)
    with pytest.raises(GuardError):
        check_management(there, [SSH], listed, NONE, will_knock=False)
    check_management(there, [SSH], listed, NONE, will_knock=False, only_listed=True)
    with pytest.raises(GuardError):
        check_management(HERE, [SSH], listed, NONE, will_knock=False, only_listed=True)
