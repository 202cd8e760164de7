"""What a router says, and what goes wrong with one, told clearly, without a secret in it."""

import logging
import socket
from dataclasses import replace
from functools import partial

import pytest

from knockctl.change.job import Result
from knockctl.contract import Timeouts
from knockctl.errors import (
    AuthenticationFailed,
    HostKeyMismatch,
    Unreachable,
    Unsupported,
)
from knockctl.policy import redaction
from knockctl.policy.resolved import Generation, Knock
from tests.fixtures import twin_crew
from tests.fixtures.certificates import make_certificate, server_context
from tests.fixtures.routeros_crew import OTHER, SSH, policy
from tests.fixtures.twin_crew import raises
from tests.routeros.conftest import FILTER

failed = partial(twin_crew.failed, jargon=("librouteros",))


# --- facts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["6.49", "7.16", "7.20"])
def test_what_a_router_says_of_itself(site, version):
    with site(version=version).operator().driver() as driver:
        facts = driver.facts()
        assert facts.description.startswith(f"RouterOS {version}")
        assert facts.warnings == ()
        assert str(facts.endpoint.source) == str(facts.endpoint.address) == "127.0.0.1"
        assert driver.read().config.empty
        assert driver.pending() == ()


def test_without_tls_or_verification_it_warns(site):
    here = site()
    plain = {"tls": False, "port": here.device.host.port}
    for host, said in ((plain, "without TLS"), ({"verify_certificate": False}, "not verified")):
        with here.operator().driver(**host) as driver:
            (warning,) = driver.facts().warnings
        assert said in warning


# --- connecting ---------------------------------------------------------------------------------


def test_a_wrong_password(site):
    here = site(users=(("admin", "right", "full"),))
    said = raises(AuthenticationFailed, here.operator(), password="wr0ng-one")
    assert "refused the login of admin" in said
    assert "check username and password" in said
    assert "wr0ng-one" not in said
    failed(here.operator().deploy(SSH), "connect: ", hint="check username")


def test_an_unknown_authority(site, tmp_path):
    _, other = make_certificate(tmp_path)
    here = site()
    said = raises(HostKeyMismatch, here.operator(), ca_file=other)
    assert "is not to be trusted" in said
    assert "ca_file" in said
    raises(HostKeyMismatch, here.operator(), ca_file=None)


def test_a_certificate_for_another_name(device, site, tmp_path):
    private, public = make_certificate(tmp_path, address="192.0.2.99")
    router = device(tls=server_context(private, public))
    host = {"port": router.host.tls_port, "ca_file": public}
    said = raises(HostKeyMismatch, site().operator(), **host)
    assert "127.0.0.1" in said
    assert "an address the certificate names" in said


def test_a_file_of_authorities_that_is_none(site, tmp_path):
    (tmp_path / "empty").write_text("")
    for path in (tmp_path / "empty", tmp_path / "none"):
        assert str(path) in raises(Unreachable, site().operator(), ca_file=path)


def test_a_port_that_speaks_no_tls(site):
    here = site()
    said = raises(Unreachable, here.operator(), port=here.device.host.port)
    assert "/ip service" in said


def test_a_connection_refused(site):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = raises(Unreachable, site().operator(), port=port)
    assert f"127.0.0.1:{port}: Connection refused" in said
    assert "is the service api-ssl on" in said


@pytest.mark.parametrize("fault", ["silent", "deaf"])
def test_a_silent_router(site, fault):
    here = site()
    ann = replace(here.operator(), timeouts=Timeouts(connect=1, command=1, probe=1, revert=60))
    setattr(here.router.faults, fault, True)
    unreachable = Result.UNREACHABLE
    failed(ann.deploy(SSH), "no answer in time", "nothing was changed", result=unreachable)


def test_a_router_that_goes_silent_midway_takes_it_back(site):
    here = site()
    before = here.export()
    ann = replace(here.operator(), timeouts=Timeouts(connect=1, command=1, probe=1, revert=60))

    def observer(device, step, phase):
        del device
        if (step.name, phase) == ("APPLY", "after"):
            here.router.faults.deaf = True

    pending = ann.deploy(SSH, observer=observer)
    assert pending.result is Result.PENDING
    here.router.faults.deaf = False
    here.device.advance(61)
    assert here.export() == before


STOP = 9
"""Which command of cancelling takes the timer away."""
REMOVES = 20
"""Which command of settling takes the first rule away."""


@pytest.mark.parametrize("heard", [True, False])
def test_a_router_out_of_reach_just_when_its_timer_is_stopped(site, heard):
    """Whether it heard is not known, and not claimed."""
    here = site()
    before = here.export()
    ann = here.operator()

    def observer(device, step, phase):
        del device
        if (step.name, phase) == ("CANCEL", "before"):
            here.router.faults.cut_at, here.router.faults.cut_executes = STOP, heard
            here.device.do(here.router.faults.refuse)
            here.device.host.settle()

    pending = ann.deploy(SSH, observer=observer)
    assert pending.result is Result.PENDING
    assert "/system/scheduler/remove" in pending.message
    assert "unless its timer was stopped already" in pending.message
    here.device.advance(61)
    assert (here.export() != before) is heard
    here.device.do(here.router.faults.refuse, refusing=False)
    here.device.host.settle()
    after = ann.run("confirm", to_change=pending.change_id)
    assert after.result is (Result.CONFIRMED if heard else Result.ROLLED_BACK)
    assert (here.export() != before) is heard


# --- what a router lacks, or does not allow -----------------------------------------------------


def test_an_interface_list_that_is_not_there(site):
    here = site()
    before = here.export()
    outcome = here.operator(interface_list="NONE").deploy(SSH)
    failed(outcome, "apply: ", "nothing was changed", hint="interface list")
    assert here.export() == before


LACKING = {
    "write": "read,policy,test,api",
    "policy": "read,write,test,api",
    "test": "read,write,policy,api",
}


@pytest.mark.parametrize("lacking", LACKING)
def test_a_user_who_may_not(site, lacking):
    here = site(users=(("guest", "", "some"),), groups=(("some", LACKING[lacking]),))
    before = here.export()
    outcome = here.operator().deploy(SSH, host={"username": "guest"})
    failed(outcome, "not enough permissions", "nothing was changed", hint=lacking)
    assert here.export() == before


def test_a_user_who_may_not_use_the_api(site):
    here = site(users=(("guest", "", "some"),), groups=(("some", "read,write"),))
    assert "policy api" in raises(AuthenticationFailed, here.operator(), username="guest")


def test_device_mode_forbids_the_scheduler(site):
    here = site(forbidden=frozenset({"scheduler"}))
    before = here.export()
    outcome = here.operator().deploy(SSH)
    failed(outcome, "device-mode", "nothing was changed", hint="/system/device-mode/update")
    assert outcome.warnings == ()
    assert here.export() == before


def test_a_router_too_old(site):
    here = site(version="6.42.5")
    with here.operator().driver() as driver, pytest.raises(Unsupported, match=r"6\.43"):
        driver.facts()
    failed(here.operator().deploy(SSH), "6.42.5", "older than 6.43", hint="update")


# --- others at work -----------------------------------------------------------------------------


def test_somebody_elses_pending_change(site):
    here = site()
    pending = here.operator("ann").deploy(SSH, options={"confirm_within": 60})
    before = here.export()
    outcome = here.operator("bob").deploy(OTHER)
    failed(outcome, pending.change_id, hint=f"rollback --change {pending.change_id}")
    assert here.export() == before


@pytest.mark.parametrize("comment", ["", "my own script", "three words here but"])
def test_a_script_of_that_name_made_by_hand(site, comment):
    here = site()
    script = f'/system script add name=knockctl-revert source="/log info x" comment="{comment}"'
    here.device.do(here.router.load, script)
    before = here.export()
    failed(here.operator().deploy(SSH), "not ours", "nothing was changed", hint="rename or remove")
    assert here.export() == before


def test_a_job_of_that_name_made_by_hand(site):
    here = site()
    here.device.do(here.router.load, "/system scheduler add name=knockctl-revert on-event=x")
    before = here.export()
    failed(here.operator().deploy(SSH), "/system scheduler", "not ours", "nothing was changed")
    assert here.export() == before


def test_another_session_in_safe_mode(site):
    """Who holds it undoes, by ending, what everybody did meanwhile."""
    here = site()
    before = here.export()
    api = here.device.connect()
    tuple(api("/safe-mode/take"))
    outcome = here.operator().deploy(SSH)
    failed(outcome, "safe mode", "nothing was changed", hint="end that session")
    assert here.export() == before
    tuple(api("/safe-mode/release"))
    assert here.operator().deploy(SSH).result is Result.CONFIRMED


def test_a_foreign_accept_in_our_way_stops_a_deploy_until_accepted(site):
    here = site()
    here.device.do(here.router.load, "/ip firewall filter add chain=input action=accept")
    ann = here.operator(position=2)
    refused = ann.deploy(SSH)
    failed(refused, "input rule 1", hint="set placement.position to first, or --accept exposed:")
    codes = refused.hint.rpartition("--accept ")[2].split(",")
    assert ann.deploy(SSH, options={"accept": frozenset(codes)}).result is Result.CONFIRMED


ENTRY = "/ip firewall address-list add list={} address=203.0.113.0/24"


def test_what_somebody_put_on_our_lists_for_good_is_told(site):
    here = site()
    ann = here.operator()
    assert ann.deploy(SSH).result is Result.CONFIRMED
    for name in ("kc-ssh.lock", "kc-elsewhere.grant", "somebodys"):
        here.device.do(here.router.load, ENTRY.format(name))
    assert ann.diff(SSH).findings == ()
    here.device.do(here.router.load, ENTRY.format("kc-ssh.grant"))
    (exposed,) = ann.diff(SSH).findings
    assert exposed.blocks
    assert "address-list kc-ssh.grant" in exposed.text
    assert "address=203.0.113.0/24" in exposed.text
    failed(ann.deploy(OTHER), "kc-ssh.grant", hint="--accept exposed:")
    here.device.do(here.router.load, "/ip firewall address-list disable [find]")
    assert ann.deploy(OTHER).result is Result.CONFIRMED


def test_nobody_waits_on_a_list_for_the_policy_that_is_to_open_to_it(site):
    here = site()
    here.device.do(here.router.load, ENTRY.format("kc-ssh.grant"))
    before = here.export()
    failed(here.operator().deploy(SSH), "kc-ssh.grant", "nothing was changed", hint="remove")
    assert here.export() == before


def test_what_can_not_be_cleared_away_does_not_undo_the_change(site):
    here = site()
    ann = here.operator()
    assert ann.deploy(SSH).result is Result.CONFIRMED

    def observer(device, step, phase):
        del device
        if (step.name, phase) == ("PERSIST", "before"):
            here.router.faults.trap_at = REMOVES

    pending = ann.deploy(OTHER, observer=observer)
    assert pending.result is Result.PENDING
    assert "it runs, but is not settled: what the change replaced can't be" in pending.message
    assert "/remove: failure: out of memory; it does nothing" in pending.message
    here.device.do(here.router.reboot)
    here.device.advance(600)
    here.device.host.settle()
    done = ann.run("confirm", to_change=pending.change_id)
    assert done.result is Result.CONFIRMED, done
    assert ann.diff(OTHER).changes == ()
    assert not [row for row in here.device.rows(FILTER) if row["disabled"] == "true"]


# --- secrets ------------------------------------------------------------------------------------

PORTS = ("41711", "41712", "41713")
PASSPHRASE = 'open "sesame" $now'


def secret(passphrase=PASSPHRASE):
    first, second, third = (int(port) for port in PORTS)
    knocks = (
        Knock("tcp", first, secret=True),
        Knock("tcp", second, secret=True),
        Knock("udp", third, passphrase.encode(), secret=True),
    )
    return replace(policy(), generations=(Generation(1, knocks),))


def words_of(texts):
    return [word for word in (*PORTS, "sesame") if any(word in text for text in texts)]


@pytest.mark.parametrize("payload_match", ["content", "layer7"])
def test_secrets_are_found_from_the_router_alone(site, payload_match):
    here = site()
    accept = {"accept": frozenset({"passphrase-capitals"})}
    done = here.operator(payload_match=payload_match).deploy(secret(), options=accept)
    assert done.result is Result.CONFIRMED
    redaction.reset()
    with here.operator().driver() as driver:
        driver.facts()
        found = driver.read().config.secrets()
    assert set(PORTS) <= found
    assert any("sesame" in word for word in found)
    redaction.register_all(found)
    text = driver_text(here)
    assert words_of([text])
    assert words_of([redaction.redact(text)]) == []


def driver_text(here):
    with here.operator().driver() as driver:
        driver.facts()
        return driver.read().config.text()


@pytest.mark.parametrize("payload_match", ["content", "layer7"])
def test_no_secret_is_said_anywhere(site, caplog, payload_match):
    """In outcomes, errors, logs of every level, the journal's plain words and its bytes."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="librouteros")
    logging.getLogger("librouteros").warning("logs are kept")
    here = site(users=(("admin", "pa55word-of-admin", "full"),))
    ann, bob = (here.operator(n, payload_match=payload_match) for n in ("ann", "bob"))
    more = {
        "host": {"password": "pa55word-of-admin"},
        "options": {"accept": frozenset({"passphrase-capitals"})},
    }
    # Secrets are registered where references are resolved; the second operator resolves none.
    redaction.register_all((*PORTS, PASSPHRASE))
    said = [ann.deploy(secret(), **more)]
    assert said[0].result is Result.CONFIRMED, said
    redaction.reset()
    said += [bob.diff(OTHER, **more)]
    for number in (25, 40, 60):
        here.router.faults.trap_at_add = None
        here.router.faults.trap_at = number
        said.append(bob.deploy(OTHER, **more))
        here.router.faults.trap_at = None
        here.idle()
        here.device.advance(3600)
    said += [bob.run("remove", **more)]
    assert said[-1].result is Result.CONFIRMED, said
    assert words_of([str(one) for one in said]) == []
    assert "logs are kept" in caplog.text
    assert words_of([caplog.text]) == []
    assert "pa55word" not in caplog.text
    for who in (ann, bob):
        kept = who.journal_path.read_bytes().decode("latin-1")
        assert "ssh" in kept
        assert words_of([kept]) == []


def test_a_trap_that_repeats_a_secret_is_masked(site):
    here = site()
    redaction.register_all((*PORTS, PASSPHRASE))
    here.router.faults.trap_at_add = 20
    here.router.faults.trap_text = f"failure: can not add dst-port={PORTS[0]}"
    outcome = here.operator().deploy(secret())
    failed(outcome, "***")
    assert words_of([str(outcome)]) == []
