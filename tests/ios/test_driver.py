"""A router over SSH, with the real engine: what is done to it, and what goes wrong.

Every session costs a third of a second: few of them, and many questions in each.
"""

import contextlib
from dataclasses import replace

import pytest

from knockctl.change.job import Result
from knockctl.change.steps import Step
from knockctl.contract import Timeouts
from knockctl.errors import (
    CommandRefused,
    Conflict,
    ConnectionCut,
    GuardError,
    Unsupported,
)
from knockctl_ios.plan.plan import plan
from knockctl_ios.twin.device import User
from tests.fixtures.ios_crew import ADDRESS, ENTRIES, OBJECTS, OUTSIDE, small
from tests.fixtures.ios_foreign import names_ours
from tests.fixtures.ios_site import at

# --- the whole way ------------------------------------------------------------------------------


def test_deploy_nothing_to_do_drift_and_back(site):
    here = site()
    ann = here.operator()
    outcome = ann.run("deploy", small())
    assert outcome.result is Result.CONFIRMED, outcome
    assert here.device.startup == here.host.running()
    assert "_kc_pending" not in here.device.startup
    assert "file prompt quiet" not in here.device.startup
    assert here.files == []
    assert here.device.archive.pending is None
    assert ann.run("deploy", small()).result is Result.UNCHANGED
    ann = here.local()
    here.configure(f"{OUTSIDE}\n no {ENTRIES[4]}\n")
    mended = ann.run("deploy", small())
    assert mended.result is Result.CONFIRMED, mended
    assert [c for c in mended.changes if ENTRIES[4] in c]
    assert "live grants" not in mended.message
    removed = ann.run("remove")
    assert removed.result is Result.CONFIRMED, removed
    assert here.as_before()
    assert here.device.startup == here.before


def test_a_version_that_shows_numbers_and_what_somebody_has_not_saved(site):
    here = site(version="17.9.4", forced_monitor=True)
    here.host.do(here.device.changed, "bob")
    outcome = here.operator().run("deploy", small())
    assert outcome.result is Result.CONFIRMED, outcome
    assert any("not saved" in warning for warning in outcome.warnings), outcome
    removed = here.local().run("remove")
    assert removed.result is Result.CONFIRMED, removed
    assert not any("not saved" in warning for warning in removed.warnings), removed
    assert here.as_before()


def test_a_change_waits_and_is_confirmed_by_somebody_else(site):
    here = site()
    outcome = here.local().run("deploy", small(), options={"confirm_within": 90})
    assert outcome.result is Result.PENDING, outcome
    assert here.device.archive.pending.minutes == 2
    assert here.device.startup == here.saved
    bob = here.local("bob")
    refused = bob.run("deploy", small())
    assert "is pending on the device for another 120 s" in refused.message
    confirmed = bob.run("confirm")
    assert confirmed.result is Result.CONFIRMED, confirmed
    here.host.advance(500)
    assert here.device.startup == here.host.running() != here.before


def test_the_router_takes_it_back_when_the_operator_is_gone(site):
    here = site()
    ann = here.local()
    outcome = ann.run("deploy", small(), options={"confirm_within": 60})
    here.host.advance(60)
    assert here.as_before()
    assert "is not pending" in ann.run("confirm").message
    again = ann.run("deploy", small(), options={"confirm_within": 60})
    assert again.change_id != outcome.change_id
    taken = ann.run("rollback")
    assert taken.result is Result.ROLLED_BACK, taken
    assert here.as_before()


# --- what is asked of the router before ---------------------------------------------------------


def _refused(here, *said, hint, **options):
    outcome = here.local().run("deploy", small(), **options)
    assert outcome.result is Result.FAILED, outcome
    assert all(part in outcome.message for part in said), outcome
    assert hint in outcome.hint
    return outcome


def test_what_is_missing_is_named_before_anything_changes(site):
    here = site()
    here.configure("archive\n no path flash:archive\n")
    _refused(here, "the archive is off", hint="path flash:archive")
    here.configure("archive\n path flash:archive\nno ip scp server enable\n")
    _refused(here, "SCP is off", hint="ip scp server enable")
    here.configure("ip scp server enable\n")
    here.host.do(here.device.archive.arm, "bob", 30)
    _refused(here, "bob has a change pending", hint="configure confirm")
    here.host.do(here.device.archive.confirm)
    assert here.host.running() == here.before


def test_without_scp_a_change_is_typed_into_the_shell(site):
    """NAPALM does that, with pauses of its own."""
    here = site()
    here.configure("no ip scp server enable\n")
    ann = here.operator(placement={"transfer": "inline"})
    outcome = ann.run("deploy", small())
    assert outcome.result is Result.CONFIRMED, outcome
    assert here.files == []
    assert ann.run("deploy", small()).result is Result.UNCHANGED
    braces = small(objects=OBJECTS.replace("eq 22", "eq 22\n description {"))
    refused = ann.run("deploy", braces)
    assert refused.result is Result.FAILED, refused
    assert "Curly brace detected" in refused.message
    assert here.device.archive.pending is None
    assert "file prompt quiet" not in here.host.running()


def test_a_version_that_is_too_old(site):
    with site(version="12.3(8)T").operator().driver() as driver, pytest.raises(Unsupported):
        driver.facts()


# --- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "% Object-group kc is in use"])
def test_a_refused_line(site, text):
    here = site()
    secret = replace(small(), secret_words=frozenset({"1001"}))

    def refuse():
        here.faults.refuse_line, here.faults.refuse_text = 4, text

    outcome = here.local().run("deploy", secret, observer=at(Step.APPLY, refuse))
    assert outcome.result is Result.FAILED, outcome
    assert "apply: the router refused lines; nothing was changed" in outcome.message
    assert "permit udp any host 192.0.2.14 eq •••" in outcome.message
    assert (text or "^\n% Invalid input detected") in outcome.message
    assert here.as_before()
    assert here.device.startup == here.saved
    assert here.files == []


CUTS = ((Step.APPLY, True), (Step.CANCEL, True))
"""Steps, and whether the line is carried out whose answer is lost; test_cuts.py has every line."""


@pytest.mark.parametrize(("step", "executes"), CUTS)
def test_the_connection_is_cut(site, step, executes):
    here = site()
    # The lines that carry the file out, start the timer, and save.
    line = {Step.APPLY: 3, Step.ARM: 3, Step.PERSIST: 4}.get(step, 1)

    def cut():
        here.faults.cut_at, here.faults.cut_executes = line, executes

    ann = here.operator()
    outcome = ann.run("deploy", small(), observer=at(step, cut))
    assert here.faults.cut_at is None
    if step in (Step.CANCEL, Step.PERSIST):
        if outcome.result is not Result.CONFIRMED:
            assert outcome.result is Result.PENDING, outcome
            outcome = ann.run("confirm")
        assert outcome.result is Result.CONFIRMED, outcome
        assert here.device.startup == here.host.running() != here.before
    else:
        assert outcome.result in (Result.UNREACHABLE, Result.ROLLED_BACK), outcome
        here.host.advance(120)
        assert here.as_before()
        assert here.device.startup == here.saved


def _full(here):
    here.faults.flash_full = True


def _little_room(here):
    here.host.do(here.device.flash.write, "big", b"x" * (here.device.flash.free - 500))


def _cut_upload(here):
    here.faults.cut_upload = True


@pytest.mark.parametrize(
    ("step", "do", "said"),
    [
        (Step.ARM, _full, "the revert timer can't be started: %Error opening flash:archive"),
        (Step.APPLY, _full, "can't be put on the device: "),
        (Step.APPLY, _little_room, "500 bytes are free, and it has"),
        (Step.APPLY, _cut_upload, "can't be put on the device: "),
    ],
)
def test_what_cannot_be_put_on_flash(site, step, do, said):
    here = site()
    outcome = here.operator().run("deploy", small(), observer=at(step, lambda: do(here)))
    assert outcome.result is Result.FAILED, outcome
    assert said in outcome.message
    assert "nothing was changed" in outcome.message
    assert here.as_before()
    assert [name for name in here.files if name != "big"] == []


def test_what_cannot_be_saved(site):
    here = site()
    here.faults.save_fails = True
    outcome = here.operator().run("deploy", small())
    assert outcome.result is Result.PENDING, outcome
    assert "can't be saved: startup-config file open failed" in outcome.message
    here.faults.save_fails = False
    assert here.operator().run("deploy", small()).result is Result.UNCHANGED
    assert here.device.startup == here.host.running()


def test_a_router_that_is_slow_or_falls_silent(site):
    here = site()
    here.faults.delay = 0.02

    def silence():
        here.faults.silent = True
        here.host.do(here.faults.refuse)

    brief = Timeouts(connect=1, command=1, probe=1, revert=60)
    ann, observer = here.operator(), at(Step.READ_BACK, silence)
    lost = ann.run("deploy", small(), observer=observer, options={"timeouts": brief})
    assert (lost.result, lost.exit_code) == (Result.PENDING, 8), lost
    assert "stopped answering" in lost.message
    here.host.advance(60)
    assert here.as_before()


def test_somebody_else_was_first(site):
    here = site()
    ann = here.local()

    def meanwhile():
        here.configure(f"{OUTSIDE}\n 5 permit icmp any host {ADDRESS}\n")

    outcome = ann.run("deploy", small(), observer=at(Step.ARM, meanwhile))
    assert outcome.result is Result.FAILED
    assert "somebody else has written since" in outcome.message
    assert f" permit icmp any host {ADDRESS}" in here.host.running()
    assert not names_ours(here.host.running())
    with ann.driver() as driver, ann.driver() as other:
        way = plan(driver.read(), small(), "c1")
        driver.arm(way, 60)
        with pytest.raises(Conflict, match="admin has a change pending"):
            other.arm(replace(way, change_id="c2"), 60)
        other.read()
        (pending,) = other.pending()
        assert (pending.change_id, pending.seconds_left, pending.by) == ("c1", 60, "admin")
        driver.verify_armed("c1")
        with pytest.raises(CommandRefused, match="does not run yet"):
            other.cancel("c1")
        with pytest.raises(CommandRefused):
            other.verify_armed("c2")
        assert other.fire("c2") == "absent"
        assert driver.fire("c1") == "fired"
        assert driver.fire("c1") == "absent"
        assert driver.cancel("c1") == "absent"
        with pytest.raises(GuardError, match="120 minutes"):
            driver.arm(way, 7201)


def test_each_step_again(site):
    here = site()
    with here.operator().driver() as driver:
        way = plan(driver.read(), small(), "c1")
        driver.arm(way, 60)
        driver.apply(way)
        driver.probe()
        assert driver.cancel("c1") == driver.cancel("c1") == "cancelled"
        driver.read()
        assert driver.pending()[0].seconds_left is None
        assert driver.fire("c1") == "cancelled"
        assert driver.persist("c1") is None
        driver.persist("c1")
        driver.forget("c1")
        driver.read()
        assert driver.pending() == ()
        assert driver.cancel("c1") == "cancelled"
        assert driver.round_trips > 20
        with contextlib.suppress(ConnectionCut):
            here.host.do(next(iter(here.device.logins.values())).close)
            driver.read()
        with pytest.raises(ConnectionCut):
            driver.read()


# --- who is in ----------------------------------------------------------------------------------


def test_access(site):
    from ipaddress import ip_address

    here = site(users=(User("admin", "admin"), User("guest", "guest", 1)))
    ann = here.operator()
    assert ann.run("deploy", small()).result is Result.CONFIRMED
    guest, me = ip_address("198.51.100.7"), ip_address("127.0.0.1")
    with ann.driver() as driver:
        control = driver.access()
        assert control.sources() == ()
        control.admit(guest, "ssh", 90)
        control.admit(guest, "ssh", 61)
        (one,) = control.sources()
        assert (one.policy, str(one.source), one.state) == ("ssh", f"{guest}/32", "granted")
        assert one.seconds_left == 120
        add = here.device.entries.add
        here.host.do(add, here.device.acl("kc-ssh-k2"), "kc-ssh-s2", f"host {guest}", "any", 1)
        assert {(a.state, a.seconds_left) for a in control.sources()} == {
            ("granted", 120),
            ("knocking", 60),
        }
        assert control.expel(guest, keep_sessions=True) == 0
        assert control.sources() == ()
        control.admit(me, "ssh", 60)
        with here.operator("other").driver() as other:
            assert control.expel(me, "ssh", keep_sessions=False) == 1
            with pytest.raises(ConnectionCut):
                other.read()
        assert control.sources() == ()
        assert not control.unlock(guest)
        with pytest.raises(GuardError, match="longer than 10 minutes"):
            control.admit(guest, "ssh", 601)
        with pytest.raises(GuardError, match="does not run there"):
            control.admit(guest, "web", 60)
        with pytest.raises(Unsupported):
            control.admit(ip_address("2001:db8::1"), "ssh", 60)
