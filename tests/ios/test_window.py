"""What others change on a router while a change of ours is pending: kept, or lost, and told."""

import itertools

import pytest

from knockctl.change.job import Result
from knockctl.change.steps import Step
from knockctl_ios.config import syntax
from knockctl_ios.driver.concurrent_changes import foreign, unsecret, who
from knockctl_ios.plan.plan import plan
from knockctl_ios.plan.reading import Held, held_by
from tests.fixtures.ios_crew import ENTRIES, OBJECTS, OPERATORS, OUTSIDE, small
from tests.fixtures.ios_foreign import names_ours
from tests.fixtures.ios_site import at

WORD = "s3same-0pen"
THEIRS = f"username carl password {WORD}\n{OUTSIDE}\n permit icmp any host 192.0.2.77\n"
UNDONE = f"no username carl\n{OUTSIDE}\n no permit icmp any host 192.0.2.77\n"
SAID = (
    "+ username carl password •••",
    f"+ {OUTSIDE}: permit icmp any host 192.0.2.77",
)
PENDING = {"confirm_within": 60}


def told(outcome):
    """Return what is told of others, after seeing that no secret of theirs is."""
    assert WORD not in outcome.model_dump_json()
    return "\n".join(outcome.warnings)


# --- what is compared ---------------------------------------------------------------------------


def differences(before, now):
    return list(foreign(syntax.read(before), syntax.read(now)).lines)


def test_ours_is_not_others():
    entries = "".join(f" {text}\n" for text in ENTRIES)
    with_ours = OPERATORS.replace(f"{OUTSIDE}\n", f"{OUTSIDE}\n{entries}") + OBJECTS
    with_ours = with_ours.replace("policy-map COPP\n", "policy-map COPP\n class kc-a\n  drop\n")
    with_ours += f"event manager environment _kc_revision c1\n{Held('c1', 'c1', 'flash:x').line}\n"
    assert differences(OPERATORS, with_ours) == []
    assert differences(with_ours, OPERATORS) == []
    assert (
        differences("", "service sequence-numbers\nfile prompt quiet\nntp clock-period 17\n") == []
    )
    # As another version prints it.
    numbered = OPERATORS.replace(" permit icmp", " 10 permit icmp").replace("eq www", "eq 80")
    assert differences(OPERATORS, numbered) == []


def test_lines_come_go_and_move():
    moved = OPERATORS.replace(" permit icmp any any\n", "").replace(
        " deny   tcp any any eq telnet\n", " deny tcp any any eq 23\n permit icmp any any\n"
    )
    assert differences(OPERATORS, moved) == [f"~ {OUTSIDE}: in another order"]
    assert differences("interface X\n shutdown\n", "interface X\n") == ["- interface X: shutdown"]
    assert differences("", f"{OUTSIDE}\n permit ip any any\n") == [
        f"+ {OUTSIDE}",
        f"+ {OUTSIDE}: permit ip any any",
    ]
    many = "".join(f"ip host h{n} 192.0.2.{n}\n" for n in range(12))
    found = foreign((), syntax.read(many))
    assert str(found).endswith("; and 4 more")
    assert not foreign((), ())


@pytest.mark.parametrize(
    "line",
    [
        f"username bob privilege 15 secret 5 {WORD}",
        f"enable password {WORD}",
        f"snmp-server community {WORD} RO",
        f"snmp-server host 192.0.2.9 version 2c {WORD}",
        f"snmp-server user u g v3 auth md5 {WORD} priv aes 128 {WORD}",
        f"crypto isakmp key {WORD} address 192.0.2.9",
        f"pre-shared-key address 192.0.2.9 key {WORD}",
        f"pre-shared-key {WORD}",
        f"neighbor 192.0.2.9 password 7 {WORD}",
        f"ip ospf message-digest-key 1 md5 7 {WORD}",
        f"ip ospf authentication-key {WORD}",
        f"standby 1 authentication {WORD}",
        f"tacacs-server key 7 {WORD}",
        f"radius-server host 192.0.2.9 auth-port 1 acct-port 2 key {WORD}",
        f"wpa-psk ascii 0 {WORD}",
        f"ppp chap password 0 {WORD}",
        f"ppp pap sent-username x password {WORD}",
        f"key-string {WORD}",
        f"event manager environment _mail {WORD}",
        f"path ftp://me:{WORD}@192.0.2.9/x",
        f"remark the secret is {WORD}",
    ],
)
def test_no_secret_of_others_is_told(line):
    assert WORD not in unsecret(line)
    assert unsecret(line).split()[0] in line


def test_certificates_are_not_told():
    text = f"crypto pki certificate chain X\n certificate self-signed 01\n  {WORD}\n"
    assert WORD not in " ".join(differences("", text))
    assert unsecret("3082024F 308201B8A0030201 0A") == "3082024F ••• 0A"
    assert unsecret("permit tcp host 192.0.2.9 any eq 22") == "permit tcp host 192.0.2.9 any eq 22"


def test_what_a_router_holds_of_a_change():
    for held in (Held("c1", "c0", "flash:a-1", judged=True), Held("c1", None, None)):
        assert held_by(syntax.read(held.line)) == held
    assert held_by(syntax.read("event manager environment _kc_pending c1 c0")) == Held("c1", "c0")
    assert held_by(()) is None


def test_who_configured_meanwhile_by_the_log():
    by = "%SYS-5-CONFIG_I: Configured from console by"
    start, back = (
        "%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_START_ABSTIMER: x",
        "%ARCHIVE_DIFF-5-ROLLBK_CNFMD_CHG_ROLLBACK_START: x",
    )
    mine, memory = (
        f"{by} ann on vty0 (192.0.2.1)",
        "%SYS-5-CONFIG_I: Configured from memory by ann on vty0",
    )
    lines = [f"{by} dora on vty3", start, mine, memory, f"{by} bob on vty1 (192.0.2.9)", back]
    assert who("\n".join(lines)) == ("bob on vty1 (192.0.2.9)",)
    assert who("\n".join([*lines[:4], back, f"{by} dora on vty3"])) == ()
    assert who("\n".join(lines[2:])) is None
    assert who("") is None


# --- each end of a change -----------------------------------------------------------------------


def test_confirmed_theirs_stays_and_is_saved(site):
    here = site(names_copy=False)
    outcome = here.operator().run(
        "deploy", small(), observer=at(Step.PROBE, lambda: here.configure(THEIRS))
    )
    assert outcome.result is Result.CONFIRMED, outcome
    assert "that stays, and is saved with it" in told(outcome)
    assert all(line in told(outcome) for line in SAID)
    assert "192.0.2.77" in here.device.startup
    assert "others" not in told(here.operator().run("remove"))


def test_taken_back_on_request_theirs_stays(site):
    here = site()
    ann = here.operator()
    assert ann.run("deploy", small(), options=PENDING).result is Result.PENDING
    here.configure(THEIRS)
    taken = here.operator("bob").run("rollback")
    assert (taken.result, taken.exit_code) == (Result.ROLLED_BACK, 0)
    assert "only ours was taken back; theirs stays, and is not saved" in told(taken)
    assert all(line in told(taken) for line in SAID)
    assert _only_theirs(here)
    here.host.advance(120)
    assert _only_theirs(here)
    assert ann.run("rollback").result is Result.FAILED


def _only_theirs(here):
    running = here.host.running()
    assert here.device.archive.pending is None
    assert "192.0.2.77" in running
    assert here.files == []
    return not names_ours(running)


@pytest.mark.parametrize(
    ("step", "code"), [(Step.VERIFY_ARMED, 4), (Step.READ_BACK, 5), (Step.PROBE, 5)]
)
def test_taken_back_by_itself_theirs_is_lost_and_told(site, step, code):
    """Part of ours may be missing, or the file can't be sent: what is others' is not sure."""
    here = site()

    def meanwhile():
        here.configure(THEIRS)
        if step is Step.VERIFY_ARMED:
            here.faults.refuse_line = 4
        elif step is Step.READ_BACK:
            here.configure("no event manager applet kc-ssh-1\n")
        else:
            here.host.do(here.faults.refuse)

    outcome = here.operator().run("deploy", small(), observer=at(step, meanwhile))
    assert outcome.exit_code == code, outcome
    assert "that was taken back with it" in told(outcome)
    assert all(line in told(outcome) for line in SAID)
    assert here.as_before()


def test_what_may_be_left_of_ours_is_not_told(site):
    """A change was cut off before it was judged: some of its lines may look like others'."""
    here = site()
    with here.operator().driver() as driver:
        way = plan(driver.read(), small(), "c1")
        driver.arm(way, 60)
        driver.apply(way)
    here.configure(f"{OUTSIDE}\n permit udp any host 192.0.2.14 eq 5151\n")
    taken = here.operator("bob").run("rollback")
    assert taken.result is Result.ROLLED_BACK
    assert "taken back with it: 1 differences, if not left of the change itself" in told(taken)
    assert "5151" not in told(taken)
    assert here.as_before()


def test_a_change_of_what_is_there_goes_back_to_that(site):
    here = site()
    ann = here.operator()
    assert ann.run("deploy", small()).result is Result.CONFIRMED
    first = here.host.running()
    other = small(objects=OBJECTS.replace("1002", "1003"))
    assert ann.run("deploy", other, options=PENDING).result is Result.PENDING
    here.configure("username carl privilege 5\n")
    assert ann.run("rollback").result is Result.ROLLED_BACK
    here.configure("no username carl\n")
    assert here.host.running() == first


def test_what_ours_alone_can_not_be_is_taken_back_whole_and_told(site):
    here = site()
    ann = here.operator()
    ann.run("deploy", small(), options=PENDING)
    here.configure(THEIRS)
    here.faults.refuse_line = 4
    taken = ann.run("rollback")
    assert taken.result is Result.ROLLED_BACK
    assert "that was taken back with it, as ours alone could not be" in told(taken)
    assert all(line in told(taken) for line in SAID)
    assert here.as_before()
    # The copy is gone: nobody knows what was changed, and the router can't go back either.
    ann.run("deploy", small(), options=PENDING)
    here.host.do(here.device.flash.files.clear)
    failed = ann.run("rollback")
    assert failed.result is Result.FAILED
    assert "could not take all of the change back" in failed.message


def test_the_timer_was_quicker(site):
    here = site()

    def meanwhile():
        here.configure(THEIRS)

    def quicker():
        here.host.advance(120)

    at_arm, at_cancel = at(Step.VERIFY_ARMED, meanwhile), at(Step.CANCEL, quicker)

    def both(*now):
        at_arm(*now)
        at_cancel(*now)

    outcome = here.operator().run("deploy", small(), observer=both)
    assert (outcome.result, outcome.exit_code) == (Result.ROLLED_BACK, 5)
    assert "the timer took that back, too" in told(outcome)
    assert "- username carl password •••" in told(outcome)
    assert here.as_before()


@pytest.mark.parametrize("kind", ["deploy", "confirm", "rollback"])
def test_nobody_was_looking(site, kind):
    """By the router's log, whoever comes next is told whose changes went."""
    here = site()
    ann = here.operator()
    first = ann.run("deploy", small(), options=PENDING)
    with here.operator("bob").driver() as bob:
        bob._session.configure(lambda _: ["service sequence-numbers"])
    here.host.advance(60)
    assert here.as_before()
    more = {} if kind == "deploy" else {"to_change": first.change_id}
    outcome = ann.run(kind, *[small()][: kind == "deploy"], **more)
    assert "by the log these had configured the router: admin on vty" in told(outcome), outcome


@pytest.mark.parametrize("executes", [True, False], ids=["carried out", "not carried out"])
def test_cut_while_ours_alone_is_taken_back_it_is_told_as_it_is(site, executes):
    """Whoever looks next is never told of a change that it runs where it doesn't."""
    here = site()
    for number in itertools.count(1):
        ann = here.local(f"ann{number}")
        pending = ann.run("deploy", small(), options=PENDING)
        assert pending.result is Result.PENDING, pending
        here.host.do(here.device.load, THEIRS)
        here.faults.cut_at, here.faults.cut_executes = number, executes
        ann.run("rollback", to_change=pending.change_id)
        met, here.faults.cut_at = here.faults.cut_at is None, None
        said = ann.run("confirm", to_change=pending.change_id)
        runs = "kc-ssh" in here.host.running()
        place = (number, said)
        assert runs is (said.result is Result.CONFIRMED), place
        here.host.advance(120)
        assert runs is ("kc-ssh" in here.host.running()), place
        ann.run("remove")
        assert not names_ours(here.host.running()), place
        here.host.do(here.device.load, UNDONE)
        if not met:
            break
    assert number > 20
