"""Expressions of applets: what is understood, what isn't, and lines that are known in part."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knockctl_ios.semantics.logs import Format, Kind, Message, numbered, split
from knockctl_ios.semantics.regex import NotUnderstood, pattern

UNDERSTOOD = [
    r".*%CP-6-UDP.*46543.*$",
    r"%CP-6-(UDP|TCP): .*-> ?[0-9.]+\((46543|80)\)",
    r"^[0-9]+: ",
    r"\([0-9]{1,3}\)$",
    r"\([0-9]{5}\)",
    r"\([1-4]{2,}\)",
    r"\(4[0-9]*3\)",
    r"[[:digit:]]+\([^4]",
    r"DROP (1|2+)?",
    r"\d+\.\d+\.\d+\.\d+\(22",
    r"x*",
]


@pytest.mark.parametrize(
    "text",
    ["(a|ab)", "a**", "(?:a)", "a{99}", "(a){2}", "[a", "a)", "(a", r"\y", r"a\1", "a^b", "*a"],
)
def test_what_tools_disagree_about_is_not_understood(text):
    with pytest.raises(NotUnderstood):
        pattern(text)


def test_what_matches_is_told_with_its_groups():
    looked = pattern(r"([0-9]+)\(([a-z]*)\)")
    assert looked.groups == 2
    assert looked.search("x 12(ab) y") == ("12(ab)", "12", "ab")
    assert looked.search("nothing") is None


@pytest.mark.parametrize("text", UNDERSTOOD)
@settings(max_examples=25)
@given(st.text(alphabet="0123456789.()-> DROPUTC%:6x", max_size=30))
def test_lines_read_piece_by_piece_match_as_whole_ones_do(text, line):
    looked = pattern(text)
    read = looked.after(looked.after(looked.begin, line[:7]), line[7:])
    plain = text.replace("[[:digit:]]", "[0-9]")
    assert looked.accepts(read) == (re.search(plain, line) is not None)


@pytest.mark.parametrize("text", [*UNDERSTOOD, r"^1?[0-9]{2}\.", r"25[0-5]|7\."])
@pytest.mark.parametrize("apart", [(), (0, 7, 25, 250)])
def test_numbers_read_digit_by_digit_are_read_as_whole_ones(text, apart):
    looked = pattern(text)
    some = tuple(f"{n}" for n in range(256) if n not in apart)
    begun = frozenset((looked.begin, looked.after(looked.begin, "DROP 1")))
    whole = {looked.after(one, f"{number}.") for one in begun for number in some}
    assert numbered(looked, begun, some, ".") == whole


PORT = st.one_of(st.integers(0, 65535), st.sampled_from([46543, 4, 43, 4003, 22, 80, 122]))


@pytest.mark.parametrize("style", ["spaced", "tight", "with-ttl"])
@pytest.mark.parametrize("text", UNDERSTOOD)
@settings(max_examples=10)
@given(PORT, PORT, PORT, PORT)
def test_ports_that_are_not_told_apart_match_alike(text, style, one, other, two, another):
    looked, kind, form = pattern(text), Kind("control-plane", "udp", "DROP"), Format(style)
    found = split(looked, kind, form)
    if found.addresses:
        return

    def of(runs, port):
        return [any(a <= port <= b for a, b in run) for run in runs]

    def matched(source_port, port):
        line = form.line(Message(kind, "192.0.2.1", source_port, "198.51.100.1", port))
        return looked.search(line) is not None

    alike = of(found.source_ports, one) == of(found.source_ports, two)
    if alike and of(found.ports, other) == of(found.ports, another):
        assert matched(one, other) == matched(two, another)
    assert found.possible or not matched(one, other)
