"""What a firewall says, and what goes wrong with one, told clearly, without a secret in it."""

import socket
from dataclasses import replace
from functools import partial

import pytest

from knockctl.change.job import Result
from knockctl.change.steps import Step
from knockctl.contract import HeldByOperator, Talkative, Timeouts
from knockctl.errors import (
    AuthenticationFailed,
    DeviceError,
    GuardError,
    HostKeyMismatch,
    Unreachable,
    Unsupported,
)
from knockctl_panos.twin.device.switches import Interface, Switches
from tests.fixtures import twin_crew
from tests.fixtures.certificates import make_certificate
from tests.fixtures.panos_crew import OTHER, SSH
from tests.fixtures.twin_crew import raises

SHORT = Timeouts(connect=1, command=1, probe=1, revert=60, job=2)
PATIENT = Timeouts(connect=4, command=4, probe=4, revert=60, job=20)
"""Short enough to wait for, long enough for what answers on a busy machine."""


failed = partial(twin_crew.failed, jargon=("URLError", "Pan", "xapi"))


# --- facts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["9.1.16", "11.2.4"])
def test_what_a_firewall_says_of_itself(site, version):
    with site(version=version).operator().driver() as driver:
        facts = driver.facts()
        assert facts.description == f"PAN-OS {version} PA-VM"
        assert facts.warnings == ()
        assert str(facts.endpoint.source) == str(facts.endpoint.address) == "127.0.0.1"
        assert not facts.endpoint.judged
        assert driver.read().config.empty
        assert driver.pending() == ()
        assert isinstance(driver, HeldByOperator)
        assert isinstance(driver, Talkative)


def test_without_verification_it_warns(site):
    with site().operator().driver(verify_certificate=False, ca_file=None) as driver:
        (warning,) = driver.facts().warnings
    assert "not verified" in warning


def test_a_version_that_is_too_old(site):
    with site(version="8.1.0").operator().driver() as driver, pytest.raises(Unsupported) as said:
        driver.facts()
    assert "8.1.0 is older than 9.1" in str(said.value)


def test_a_placement_for_the_other_kind_of_device(site):
    wrong = {"placement": {"addresses": ["198.51.100.1"], "device_group": "branch"}}
    with site().operator().driver(**wrong) as driver, pytest.raises(GuardError) as said:
        driver.facts()
    assert "placement.vsys for a firewall" in str(said.value)


def test_a_vsys_that_is_not_there(site):
    outcome = site().operator(placement={"vsys": "vsys7"}).deploy(SSH)
    failed(outcome, "there is no virtual system vsys7")


# --- connecting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("http_errors", [True, False], ids=["403", "200 with error"])
@pytest.mark.parametrize("version", ["9.1.16", "11.2.4"])
def test_a_wrong_password(site, version, http_errors):
    here = site(version=version, http_errors=http_errors)
    said = raises(AuthenticationFailed, here.operator(), password="wr0ng-one")
    assert "the login of admin was refused" in said
    assert "check username and password" in said
    assert "wr0ng-one" not in said
    ann = here.operator(login={"username": "admin", "password": "wr0ng-one"})
    failed(ann.deploy(SSH), "connect: ", hint="check username")


@pytest.mark.parametrize("http_errors", [True, False], ids=["403", "200 with error"])
def test_a_key_by_reference_that_is_good_and_one_that_is_not(site, http_errors):
    here = site(http_errors=http_errors)
    key = here.device.xapi().keygen()
    login = {"username": None, "password": None}
    assert here.operator(login={**login, "api_key": key}).deploy(SSH).result is Result.CONFIRMED
    said = raises(AuthenticationFailed, here.operator(login={**login, "api_key": "LUFR-s3cret"}))
    assert "the API key was refused" in said
    assert "api_key points" in said
    assert "s3cret" not in said


@pytest.mark.parametrize("http_errors", [True, False], ids=["403", "200 with error"])
@pytest.mark.parametrize("step", [Step.ARM, Step.READ_BACK], ids=lambda s: s.name.lower())
def test_a_key_that_expires_midway(site, http_errors, step):
    here = site(http_errors=http_errors)
    before = here.tree()
    key = here.device.xapi().keygen()
    ann = here.operator(login={"api_key": key})

    def expire(device, at, phase):
        del device
        if (at, phase) == (step, "before"):
            here.device.do(here.twin.accounts.expire)

    outcome = ann.deploy(SSH, observer=expire)
    assert "the API key was refused" in outcome.message, outcome
    again = here.operator()
    if step is Step.READ_BACK:
        assert outcome.result is Result.PENDING
        assert "nothing on the device takes the change back" in outcome.message
        assert again.run("rollback", to_change=outcome.change_id).result is Result.ROLLED_BACK
    else:
        failed(outcome, "nothing was changed")
    assert here.tree() == before
    assert here.clean()


def test_with_a_password_a_key_that_ran_out_is_renewed(site):
    here = site()
    ann = here.operator()

    def expire(device, at, phase):
        del device
        if phase == "before" and at in (Step.ARM, Step.READ_BACK):
            here.device.do(here.twin.accounts.expire)

    assert ann.deploy(SSH, observer=expire).result is Result.CONFIRMED


def test_an_unknown_authority(site, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    _, other = make_certificate(folder)
    here = site()
    said = raises(HostKeyMismatch, here.operator(), ca_file=other)
    assert "is not to be trusted" in said
    assert "ca_file" in said
    raises(HostKeyMismatch, here.operator(), ca_file=None)


def test_a_certificate_for_another_name(site):
    here = site()
    said = raises(HostKeyMismatch, here.operator(), host="localhost")
    assert "have the inventory's hostname be a name or address the certificate has" in said


def test_a_file_of_authorities_that_is_none(site, tmp_path):
    (tmp_path / "empty").write_text("")
    for path in (tmp_path / "empty", tmp_path / "none"):
        assert str(path) in raises(Unreachable, site().operator(), ca_file=path)


def test_a_connection_refused(site):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = raises(Unreachable, site().operator(), port=port)
    assert f"no connection to 127.0.0.1:{port}" in said
    assert "Connection refused" in said
    assert "permitted" in said


@pytest.mark.parametrize("fault", ["silent", "deaf"])
def test_a_silent_firewall(site, fault):
    here = site()
    ann = here.operator(timeouts=SHORT)
    setattr(here.faults, fault, True)
    failed(ann.deploy(SSH), "no answer in time", "nothing was changed", result=Result.UNREACHABLE)


def test_a_firewall_that_goes_silent_midway_stays_pending(site):
    here = site()
    before = here.tree()
    ann = here.operator(timeouts=PATIENT)

    def observer(device, step, phase):
        del device
        if (step, phase) == (Step.APPLY, "after"):
            here.faults.deaf = True

    pending = ann.deploy(SSH, observer=observer)
    assert pending.result is Result.PENDING, pending
    here.faults.deaf = False
    assert ann.run("rollback", to_change=pending.change_id).result is Result.ROLLED_BACK
    assert here.tree() == before


def test_a_panrc_that_lies_about_is_not_read(site, tmp_path):
    here = site()
    (tmp_path / ".panrc").write_text("serial=007\napi_key=nonsense\nport=1\nhostname=elsewhere\n")
    assert here.operator().deploy(SSH).result is Result.CONFIRMED


# --- what an account may not --------------------------------------------------------------------


ADMINS = (*Switches().admins, ("reader", "reader", "superreader"), ("editor", "e", "api-editor"))


@pytest.mark.parametrize("name", ["reader", "editor"])
def test_an_account_that_may_not(site, name):
    here = site(admins=ADMINS)
    before = here.tree()
    password = {"reader": "reader", "editor": "e"}[name]
    ann = here.operator(login={"username": name, "password": password})
    outcome = failed(ann.deploy(SSH), "nauthorized", "nothing was changed", hint="role needs")
    assert here.tree() == before
    assert here.clean(), outcome


# --- high availability --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"ha": "passive"}, "it is the passive member"),
        ({"ha": "suspended"}, "it is the suspended member"),
        ({"ha": "active", "ha_sync": "not synchronized"}, "does not run the same configuration"),
    ],
)
def test_only_the_active_member_is_changed_and_only_in_sync(site, switches, said):
    here = site(**switches)
    failed(here.operator().deploy(SSH), said, "nothing was changed")
    assert here.clean()


def test_a_pair_is_changed_as_one(site, device):
    here = site(ha="active")
    peer = device(ha="passive")
    here.device.do(here.twin.pair, peer.twin)
    assert here.operator().deploy(SSH).result is Result.CONFIRMED
    assert peer.running("rulebase/security/rules") == here.order()


# --- management across the data plane -----------------------------------------------------------


def test_managed_on_a_protected_address_it_takes_more_than_words(site):
    here = site()
    place = {"addresses": ["127.0.0.1"]}
    ann = here.operator(placement=place)
    sources = {"sources": ["127.0.0.0/8"], "port": ann.port}
    ann = replace(ann, placement={**place, "management": sources})
    failed(ann.deploy(OTHER), "nothing takes it back", hint="--accept no-way-back")
    accept = frozenset(("tag-delay", "no-way-back"))
    assert ann.deploy(OTHER, options={"accept": accept}).result is Result.CONFIRMED


@pytest.mark.parametrize(
    ("interface", "crosses"),
    [
        ({"address": "127.0.0.1/8"}, True),
        ({"address": "192.0.2.1/24", "others": ("127.0.0.1/32",)}, True),
        ({"learnt": "127.0.0.1/8"}, True),
        ({"address": "127.0.0.11/8", "others": ("2001:db8::1/64", "192.0.2.9/24")}, False),
        ({}, False),
    ],
    ids=["own", "another", "learnt", "others", "none"],
)
def test_managed_on_an_interface_of_the_data_plane_it_takes_more_than_words(
    site, interface, crosses
):
    """Whatever the placement says: the firewall tells which addresses its interfaces have."""
    here = site(interfaces=(Interface("ethernet1/1"), Interface("ethernet1/2", **interface)))
    ann = here.operator()
    with ann.driver() as driver:
        assert driver.facts().endpoint.judged == crosses
    said = ann.deploy(OTHER)
    if crosses:
        failed(said, "managed on 127.0.0.1", "nothing takes it back", hint="--accept no-way-back")
        accept = frozenset(("tag-delay", "no-way-back"))
        said = ann.deploy(OTHER, options={"accept": accept})
    assert said.result is Result.CONFIRMED


def test_the_management_port_is_none_of_the_data_planes(site):
    here = site(address="127.0.0.1", interfaces=(Interface("ethernet1/1", address="192.0.2.1/24"),))
    with here.operator().driver() as driver:
        asked = driver.round_trips
        assert not driver.facts().endpoint.judged
        assert driver.round_trips == asked


# --- the panorama of all that judges ------------------------------------------------------------


def test_everything_holds_what_judges_packets_and_no_more(site):
    here = site()
    here.rule("somebody")
    ann = here.operator()
    assert ann.deploy(SSH).result is Result.CONFIRMED
    with ann.driver() as driver:
        text = driver.read().text
    assert 'name="somebody"' in text
    assert "phash" not in text
    from knockctl_panos import VENDOR

    running = VENDOR.modeller.running(text)
    assert not running.config.empty


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_part_that_is_refused_is_never_taken_for_an_empty_one(site, number):
    here = site()
    with here.operator().driver() as driver:
        here.faults.refuse_at = number
        with pytest.raises(DeviceError, match="timed out"):
            driver.read()


def test_reading_takes_as_many_requests_with_the_text_as_without(site):
    with site().operator().driver() as driver:
        trips = driver.round_trips
        whole = driver.read()
        assert driver.round_trips == trips + 3
        bare = driver.read(whole=False)
        assert driver.round_trips == trips + 6
    assert bare.config == whole.config
    assert (bool(whole.text), bool(bare.text)) == (True, False)
