"""What reads foreign rules on Linux, wrong in one place: the quick question must show it."""

import pytest

from knockctl.verify.exposures import Kind, find
from knockctl_iptables import semantics
from knockctl_iptables.config.records import JUMP, Rule
from knockctl_iptables.placement import LinuxPlacement
from knockctl_iptables.render.render import render
from tests.fixtures.cases import CRASHES
from tests.fixtures.iptables_judged import SSH, claim_of, saved
from tests.fixtures.mutants import mutant
from tests.iptables.test_judge_random import asked, invented, missed, sets
from tests.iptables.test_native import (
    DROP,
    PACKETS,
    QUESTIONS,
    SYN,
    VERDICTS,
    listed,
    match,
    refused,
)

TOLD = "knock-lost"
MARKED = (
    "*mangle\n:PREROUTING ACCEPT [0:0]\n"
    "-A PREROUTING -p tcp -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n"
)
UNTRACKED = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j CT --notrack\nCOMMIT\n"
EARLY = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate NEW -j DROP\nCOMMIT\n"
LED = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 22 -j {}\nCOMMIT\n"
DROPS = [f"-s 203.0.113.{n}/32 -p tcp -m tcp --dport {23 - n % 2} -j DROP" for n in range(12)]
ACCEPTS = [f"-s 203.0.113.{n}/32 -p tcp -m tcp --dport {23 - n % 2} -j ACCEPT" for n in range(12)]
GUESSES = [f'-s 203.0.113.{n}/32 -p tcp -m u32 --u32 "0x0=0x1" -j ACCEPT' for n in range(12)]
NEIGHBOURS = [
    f"-s 203.0.113.{net} -p tcp -m tcp --dport 22 -j DROP"
    for net in ("0/25", "8/32", "128/31", "160/32")
]
CHAIN = "-A web -p tcp -m tcp --dport 22 -j ACCEPT\n"
# Rules, tables before them, chains, policy; and whether what is found is certain, by its kind.
CASES = [
    (["-p tcp -j ACCEPT"], "", "", "DROP", {("exposed", True), (TOLD, True)}),
    (["-p tcp -j RETURN"], "", "", "ACCEPT", {("exposed", True), (TOLD, True)}),
    (["-j NFQUEUE"], "", "", "DROP", {("exposed", False)}),
    (
        ["-p udp -j SET --add-set KC4_p_grant src"],
        "",
        "",
        "DROP",
        {("exposed", False)},
    ),
    (["-m mark --mark 0x1 -j ACCEPT"], MARKED, "", "DROP", {("exposed", True), (TOLD, True)}),
    (["-m mark ! --mark 0x0 -j ACCEPT"], "", "", "DROP", set()),
    (
        ["-m conntrack --ctstate UNTRACKED -j ACCEPT"],
        UNTRACKED,
        "",
        "DROP",
        {("exposed", True), (TOLD, True)},
    ),
    (["-m conntrack --ctstate UNTRACKED -j ACCEPT"], "", "", "DROP", set()),
    ([], EARLY, "", "DROP", set()),
    ([], LED.format("REDIRECT --to-ports 80"), "", "DROP", {("exposed", False)}),
    ([], LED.format("DNAT --to-destination 10.0.0.9"), "", "DROP", {("exposed", False)}),
    ([], LED.format("DNAT --to-destination 10.0.0.1-10.0.0.9"), "", "DROP", {("exposed", False)}),
    (["-i lo -g web"], "", CHAIN, "DROP", set()),
    (["-j web"], "", CHAIN, "DROP", {("exposed", True)}),
    (["-p tcp -g web"], "", CHAIN, "ACCEPT", {("exposed", True), (TOLD, True)}),
    (
        ["-m recent --rcheck --name X --rsource -j ACCEPT"],
        "",
        "",
        "DROP",
        {("exposed", False)},
    ),
    (
        ["-m recent ! --rcheck --name X --rsource -j ACCEPT"],
        "",
        "",
        "DROP",
        {("exposed", True), (TOLD, True)},
    ),
    (
        [
            "-m recent --set --name X --rsource -j LOG",
            "-m recent ! --rcheck --name X --rsource -j ACCEPT",
        ],
        "",
        "",
        "DROP",
        {("exposed", False), (TOLD, False)},
    ),
    (
        ["-m set --match-set W src -j ACCEPT", "-i lo -j SET --add-set W src"],
        "",
        "",
        "DROP",
        {("exposed", False)},
    ),
    (
        ["-p tcp -m set --match-set N src -j ACCEPT"],
        "",
        "",
        "DROP",
        {("exposed", True), (TOLD, True)},
    ),
    (["-m string --string hello -j ACCEPT"], "", "", "DROP", {("exposed", True), (TOLD, True)}),
    (
        ["-p tcp -j SET --add-set W src", "-p tcp -m set ! --match-set W src -j ACCEPT"],
        "",
        "",
        "DROP",
        {("exposed", False), (TOLD, False)},
    ),
    (
        ["-m recent --set --name X --rsource -m recent ! --rcheck --name X --rsource -j ACCEPT"],
        "",
        "",
        "DROP",
        {("exposed", False), (TOLD, False)},
    ),
    (["-m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT"], "", "", "DROP", set()),
    ([str(Rule(JUMP)), "-p tcp -j ACCEPT"], "", "", "DROP", {("exposed", True), (TOLD, True)}),
    (DROPS, "", "", "DROP", {("service-shut", True)}),
    (ACCEPTS, "", "", "DROP", {("exposed", True)}),
]


def findings(rules, before, chains, policy, by, place=None, **more):
    config = render([SSH], LinuxPlacement()).config
    text = saved(rules, before=before, chains=chains, policy=policy)
    headers = "create W hash:ip family inet\ncreate N hash:ip family inet\n"
    placed = by.ruleset.standing(by.saved({4: text}, headers), config, {4: place or len(rules) + 1})
    model = by.LinuxModel(placed, **more)
    return find(claim_of(model), model.program(4))


def told(rules, before, chains, policy, by):
    """Return kinds and certainties, lost resets aside."""
    some = findings(rules, before, chains, policy, by)
    return {(str(one.kind), one.certain) for one in some if one.kind is not Kind.RESET_LOST}


@pytest.mark.parametrize("number", range(len(CASES)))
def test_what_is_told(number):
    *how, wanted = CASES[number]
    assert told(*how, semantics) == wanted


def opening(rules, by):
    """Return the numbers of the rules that open, of a long list."""
    some = findings(rules, "", "", "DROP", by)
    return [one.rules[0].number for one in some if one.kind is Kind.EXPOSED]


def shut_for(by):
    """Return for whom rules that are told together shut the service."""
    some = findings(NEIGHBOURS, "", "", "DROP", by, few=0)
    (one,) = (one for one in some if one.kind is Kind.SERVICE_SHUT)
    return one.who


def guessed(by):
    """Return whether each rule of a list is said to rest on itself."""
    some = findings(GUESSES, "", "", "DROP", by)
    return [one.rules[0].place in one.why for one in some if one.kind is Kind.EXPOSED]


def above(by):
    """Return what is found where our jump goes above the rule that lets in."""
    return findings(["-p tcp -j ACCEPT"], "", "", "DROP", by, place=1)


def returning(by):
    """Return the numbers of the rules that leave what comes to a policy that accepts."""
    some = findings(["-p tcp -j RETURN"], "", "", "ACCEPT", by)
    return {one.rules[0].number for one in some if one.kind is Kind.EXPOSED}


RUNS = (
    (above, []),
    (returning, {1}),
    (lambda by: opening(ACCEPTS, by), [2, 4, 6, 8, 10, 12]),
    (shut_for, "203.0.113.0/25, 203.0.113.128/31, 203.0.113.160/32"),
    (guessed, [True] * 12),
)


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_which_rules_are_told(number):
    ask, wanted = RUNS[number]
    assert ask(semantics) == wanted


RANDOM = list(sets(20261205, 12))


def shown(wrong):
    """Tell whether some case shows that a semantics is wrong."""
    try:
        if any(told(*how, wrong) != wanted for *how, wanted in CASES) or native(wrong):
            return True
        return any(ask(wrong) != wanted for ask, wanted in RUNS) or any(
            differs(made, wrong) for made in RANDOM
        )
    except (*CRASHES, AssertionError):
        return True


def native(wrong):
    """Tell whether some native rule does something else."""
    for asks, wanted in QUESTIONS:
        text = listed([*asks, DROP])
        if {n for n, packet in PACKETS.items() if refused(text, packet, wrong)} != wanted:
            return True
    if any(refused(listed(*rules), SYN, wrong) is not wanted for rules, wanted in VERDICTS):
        return True
    late = listed([match({"ct": {"key": "state"}}, "new"), DROP], hook="prerouting", prio=-300)
    return refused(late, SYN, wrong) or not refused(listed(policy="drop"), SYN, wrong)


def differs(made, wrong):
    some, _ = asked(made, wrong)
    return next(missed(made, some), None) or next(invented(made, some), None)


def test_nothing_shows_that_the_right_one_is_wrong():
    assert not shown(semantics)


MUTANTS = [
    ("chained", "return blocks[:place]", "return blocks[: place - 1]"),
    ("chained", "return negated(found) if one.negated else found", "return found"),
    ("chained", "Is(atom, original=original)", "Is(atom, wanted=False)"),
    ("chained", "fate.verdict)", "Verdict.REFUSE)"),
    ("chained", "meant.Stop(end) if at_end else meant.Leave()", "meant.Leave()"),
    ("chained", "at_end = chain == stage.chain and", "at_end ="),
    ("chained", "meant.Call(key, rule.goto)", "meant.Call(key)"),
    ("chained", "return meant.Ours() if stage.ours else None", "return None"),
    ("chained", 'meant.Alter((("flow", "untracked"),)) if stage.early', "None if stage.early"),
    ("chained", "meant.Remark(value, mask)", "meant.Remark(0, mask)"),
    ("chained", "isinstance(known, SetAction) else meant.Anything()", "True else meant.Anything()"),
    ("chained", "any(e and OWN_SET.match(e[0]) for e in entries)", "False"),
    ("chained", "holds == condition.wanted", "holds != condition.wanted"),
    ("chained", "_before_tracking(found) if stage.early", "_before_tracking(found) if False"),
    (
        "chained",
        "if found is None:\n            yield",
        "if found is None:\n            return\n            yield",
    ),
    (
        "chained",
        "meant.Stop(Verdict.ACCEPT, away=True), _both(condition, leads)",
        "meant.Leave(), condition",
    ),
    ("chained", '"DROP": Verdict.REFUSE, "ACCEPT": Verdict.ACCEPT}', '"DROP": Verdict.ACCEPT}'),
    ("chained", 'theirs = "guess" if one.name in filled else "theirs"', 'theirs = "chance"'),
    ("chained", "filled.add(one.name)", "pass"),
    ("chained", "self._filled |= _fills(rule)", "pass"),
    ("chained", "values[at] = ranges", "pass"),
    ("chained", "[*values[:at], *values[at + 1 :]]".replace("[", "(", 1)[:-1] + ")", "()"),
    ("chained", "parts=lambda: [self._one(place) for place in places]", "parts=None"),
    ("chained", "self.block.first + place", "self.block.first"),
    ("chained", "if first > before[1] + 1:", "if first > before[1] + 99:"),
    ("chained", "elif last > before[1]:", "elif False:"),
    ("blocks", "len(words) != self.length or", ""),
    ("blocks", "self.fixed(words) != self.wanted", "False"),
    ("blocks", "result[hole.place] = Stateless", "_ = Stateless"),
    ("blocks", "if _names_itself(rule):", "if False:"),
    ("blocks", "start=self.first", "start=1"),
    ("words", "number & ~rest, number | rest", "number, number"),
    ("words", 'state not in ("DNAT", "SNAT")', "True"),
    ("ruleset", "others[place - 1 : place - 1]", "others[len(others) :]"),
    ("ruleset", "if rule.words != JUMP", "if True"),
    ("ruleset", "{**kept, **{name: Chain(rules)", "{**{name: Chain(rules)"),
    ("way", 's.hook == "input", s.priority', 's.hook == "prerouting", s.priority'),
    ("way", "self.priority < TRACKING", "self.priority > TRACKING"),
    ("nft", "str(known).upper()", '"ACCEPT"'),
    ("nft", '"goto")', '"jump")'),
    ("nft", '"drop": "DROP"', '"drop": "ACCEPT"'),
    ("nft", '"return": "RETURN"', '"return": "ACCEPT"'),
    ("nft", "inner = self.matches.copy()", "inner = self.matches"),
    ("nft", 'return kind in ("mangle", "notrack")', "return False"),
    ("nft", 'return _Arm("MARK"', 'return _Arm("LOG"'),
    ("matches", "_OWNERS[owner] != self.family", "False"),
    (
        "matches",
        'self._protocols(frozenset((protocol,)), "==")\n        elif',
        "pass\n        elif",
    ),
    ("matches", 'Stateless((atom,), op == "!=")', "Stateless((atom,))"),
    ("matches", 'Stateless(atoms, op == "!=")', "Stateless(atoms)"),
    ("matches", 'return fits == (op == "==")', "return fits"),
    ("matches", "(_flags(right), 0)),), negated=True)", "(_flags(right), 0)),))"),
    ("matches", "_ALL_FLAGS if mask is None else _flags(mask)", "_flags(right)"),
    ("matches", 'f"{name[:-1]}+"', "name"),
    ("matches", 'first, last = one["range"]\n', 'first = last = one["range"][0]\n'),
    ("matches", 'one["range"] if isinstance(one, Mapping) else (one, one)', "(0, 65535)"),
    ("matches", "yield from self._members(right[1:])", "yield right"),
    ("device", "translating = any(", "translating = not any("),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)))
def test_a_reader_that_is_wrong_in_one_place_is_shown(number, tmp_path, monkeypatch):
    wrong = mutant(semantics, 1000 + number, MUTANTS[number], tmp_path, monkeypatch)
    assert shown(wrong)
