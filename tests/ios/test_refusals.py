"""What a router prints that is no answer: refused lines, its timer, its access lists."""

from knockctl_ios.config import listing
from knockctl_ios.driver import revert
from knockctl_ios.driver.refusals import masked, refusals, said

COPIED = """\
 ip access-list extended A
ip acces-list extended B
        ^
% Invalid input detected at '^' marker.

no object-group service kc-a
% Object-group kc-a is in use, cannot be deleted
%Warning: this is none
*May 28 20:26:40.000: %SYS-5-CONFIG_I: Configured from memory
120 bytes copied in 0.101 secs (1188 bytes/sec)
"""


def test_refused_lines_with_their_markers():
    first, second = refusals(COPIED)
    assert str(first).splitlines() == [
        "ip acces-list extended B",
        "        ^",
        "% Invalid input detected at '^' marker.",
    ]
    assert (second.line, second.column) == ("no object-group service kc-a", -1)
    assert said("Command authorization failed.\n") == "Command authorization failed."
    assert said("%SYS-5-CONFIG_I: Configured\nall is well\n") is None


def test_secret_words_are_masked_as_words():
    assert masked("permit udp any eq 1001 log kc-10011", {"1001"}) == (
        "permit udp any eq ••• log kc-10011"
    )
    assert masked("as it is", ()) == "as it is"


def test_the_timer_as_it_is_shown():
    shown = (
        "Time configured(or reconfigured): 20:26:40 UTC Thu May 28 2026\n"
        "Timer type: absolute timer\nTimer value: 2 min\nUser: admin\n"
    )
    pending = revert.read(shown)
    assert (pending.user, pending.minutes, pending.since.minute) == ("admin", 2, 26)
    assert revert.read("%No Rollback Confirmed Change pending\n") is None
    odd = revert.read(shown.replace("20:26:40 UTC", "at half past eight,"))
    assert odd.since is None


def test_access_lists_as_they_are_shown():
    text = """\
Standard IP access list 7
    10 permit 192.0.2.1
Extended IP access list IN
    10 Dynamic D permit tcp any any eq 22
       permit tcp host 192.0.2.1 any eq 22 (21 matches) (time left 253)
       permit tcp host 192.0.2.2 any eq 22 (1 match)
    20 deny tcp any any eq telnet (66 matches)
"""
    (one,) = listing.read(text)
    assert [(e.number, e.text) for e in one.entries] == [
        (10, "dynamic D permit tcp any any eq 22"),
        (20, "deny tcp any any eq 23"),
    ]
    assert [(t.dynamic, t.text, t.seconds_left) for t in one.temporary] == [
        ("D", "permit tcp host 192.0.2.1 any eq 22", 253),
        ("D", "permit tcp host 192.0.2.2 any eq 22", None),
    ]
