"""Mutants of what reads, places and chains foreign rules: each is told apart by some findings."""

import random
from dataclasses import replace
from functools import cache

import pytest

import knockctl_routeros
from knockctl.verify import exposures
from knockctl_routeros import semantics
from knockctl_routeros.config.export import parse_export
from knockctl_routeros.config.parse import (
    by_menu,
)
from knockctl_routeros.plan.reading import (
    read,
)
from knockctl_routeros.plan.standing import carried_out
from tests.fixtures.mutants import mutant
from tests.fixtures.routeros_foreign import around
from tests.fixtures.routeros_judged import (
    CAREFUL,
    CLOSED,
    FACTORY,
    FILTER,
    LISTS,
    RAW,
    SSH,
    claim_of,
    placed,
    table,
)

ACCEPT = "action=accept dst-port=22 protocol=tcp"
UNTRACKED = "action=accept connection-state=untracked"
NOTRACK = "action=notrack chain=prerouting dst-port=22 protocol=tcp"
DEEP = ("action=jump jump-target=a", "action=jump chain=a jump-target=b", f"chain=b {ACCEPT}")
MANY = [f"{ACCEPT} src-address=10.0.{n}.0/24" for n in range(4)]
GRID = [
    f"action=accept dst-port={p} protocol=tcp src-address=10.0.{p}.{n}"
    for p in (22, 80)
    for n in (1, 2)
]
GRANTED = f"{LISTS}\nadd address=203.0.113.0/24 list=kc-ssh.grant\n"
STAGED = f"{LISTS}\nadd address=203.0.113.0/24 list=kc-ssh.0000-1\n"
LOCKED = f"{LISTS}\nadd address=203.0.113.0/24 list=kc-ssh.lock\n"
LISTED = f"{LISTS}\nadd address=203.0.113.9 list=W timeout=4h\n"
ADDING = "action=add-src-to-address-list address-list={} address-list-timeout=1m"


REFUSING = replace(CAREFUL, scope="services", stray="ignore", wrong_knock="lockout")


def ours(policy, **placement):
    return knockctl_routeros.VENDOR.compiler.render((policy,), placed(placement)).config.text()


CASES = [
    (table(ACCEPT), SSH, {}),
    (table(*DEEP), SSH, {}),
    (table("action=jump jump-target=a", "action=return chain=a protocol=tcp", "chain=a"), SSH, {}),
    (table("action=return protocol=tcp"), SSH, {}),
    (table("action=jump jump-target=a", "action=jump chain=a jump-target=a"), SSH, {}),
    (table("action=something-new protocol=tcp"), SSH, {}),
    (table("action=accept src-address-list=!bad", ADDING.format("bad")), SSH, {}),
    (table("action=accept src-address-list=good", ADDING.format("good")), SSH, {}),
    (table(f"{ADDING.format('kc-ssh.grant')} dst-port=7 protocol=tcp"), SSH, {}),
    (table(*MANY), SSH, {}),
    (table(*GRID), SSH, {}),
    (table(*MANY[:2], "action=drop", *MANY[2:]), SSH, {}),
    (table(*(m.replace("accept", "drop") for m in MANY), *MANY), SSH, {}),
    (
        table(
            f"{ACCEPT} src-address=10.0.0.0/8 in-interface=ether2", f"{ACCEPT} in-interface=ether3"
        ),
        SSH,
        {},
    ),
    (table("action=fasttrack-connection", "action=drop dst-port=1002 protocol=tcp"), SSH, {}),
    (table(UNTRACKED) + table(NOTRACK, menu=RAW), SSH, {}),
    (table(UNTRACKED) + table(NOTRACK, "action=drop chain=prerouting", menu=RAW), SSH, {}),
    (table(UNTRACKED) + table("action=drop chain=prerouting protocol=tcp", menu=RAW), SSH, {}),
    (table("action=accept connection-state=new") + table(NOTRACK, menu=RAW), SSH, {}),
    (table(ACCEPT, "action=drop dst-port=8080 protocol=tcp"), CLOSED, {"raw": True}),
    (table("action=accept dst-port=8080 protocol=tcp"), CAREFUL, {"raw": True}),
    (table("action=accept dst-port=666 protocol=tcp"), CAREFUL, {"raw": True}),
    (
        table(f"{ACCEPT} chain=forward", ACCEPT),
        SSH,
        {"chain": "forward", "addresses": ["198.51.100.9"]},
    ),
    (FACTORY, CLOSED, {}),
    (GRANTED + ours(SSH), SSH, {}),
    (STAGED + ours(SSH), SSH, {}),
    (LOCKED + ours(CAREFUL), CAREFUL, {}),
    (GRANTED + ours(CLOSED), CLOSED, {}),
    (table(f"chain=kc-_gate {ACCEPT}") + ours(SSH).replace(f"{FILTER}\n", "", 1), SSH, {}),
    (table("action=jump jump-target=kc-_gate", ACCEPT), SSH, {}),
    (ours(SSH) + table("action=drop chain=kc-ssh.seq1 dst-port=1001 protocol=tcp"), SSH, {}),
    (table(*(f"action=accept dst-port={port} protocol=tcp" for port in range(15, 30))), SSH, {}),
    (
        table(*(f"action=something-new protocol=tcp src-address=10.0.0.{n}" for n in (1, 2))),
        SSH,
        {},
    ),
    (table(f"{ACCEPT} src-address=10.0.0.1", ACCEPT), SSH, {}),
    (
        LISTED + table(f"{ACCEPT} src-address-list=W"),
        SSH,
        {},
    ),
    (f"{LISTS}\nadd address=203.0.113.9 list=kc-ssh.grant timeout=4h\n{ours(SSH)}", SSH, {}),
    (table("action=drop src-address-list=bad", ADDING.format("bad")), SSH, {}),
    (table(ADDING.format("bad"), "action=drop src-address-list=bad"), SSH, {}),
    (
        table(
            f"{ADDING.format('bad')} dst-port=22 protocol=tcp src-address=10.0.0.0/8",
            f"{ADDING.format('good')} src-address-list=bad",
            "action=accept src-address-list=good dst-port=20-30 protocol=tcp",
        ),
        SSH,
        {},
    ),
    (
        table(f"{ADDING.format('x')} src-address-list=!y", "action=accept src-address-list=x"),
        SSH,
        {},
    ),
    *(
        (table(MANY[0], f"{between} src-address=10.0.1.0/24", MANY[1]), SSH, {})
        for between in (
            "action=accept",
            "action=accept protocol=tcp",
            "action=accept dst-port=20-22 protocol=tcp connection-state=new",
        )
    ),
    (
        table(
            "action=accept dst-port=22-25 protocol=tcp src-address=10.0.0.0/24",
            "action=accept dst-port=20-22 protocol=tcp src-address=10.0.1.0/24",
            "action=accept dst-port=22-25 protocol=tcp src-address=10.0.1.0/24",
        ),
        SSH,
        {},
    ),
    (table(MANY[0].replace("accept", "drop"), ACCEPT, MANY[1].replace("accept", "drop")), SSH, {}),
    (
        table(
            *(
                rule.replace("accept", "drop")
                for rule in (MANY[0], "action=drop src-address=10.0.2.0/24", MANY[1])
            )
        ),
        SSH,
        {},
    ),
    (
        table(
            ADDING.format("one"),
            f"{ADDING.format('two')} dst-port=7 protocol=tcp",
            "action=accept src-address-list=two",
            "action=drop dst-port=9 protocol=tcp src-address-list=one",
        ),
        SSH,
        {},
    ),
    (LOCKED + table("action=accept dst-port=666 protocol=tcp"), REFUSING, {"raw": True}),
]
# Our jump stands where only a foreign one leads.
ELSEWHERE = f"{table('action=jump jump-target=site', ACCEPT)}{ours(SSH)}".replace(
    "action=jump chain=input comment=knockctl", "action=jump chain=site comment=knockctl"
)
BARE = [table(ACCEPT), ELSEWHERE]


def told(model, claim):
    """Return what is found, and of whom, by a machine."""
    found = exposures.find(claim, model.program(claim.family))
    return sorted((one.code, str(one), one.certain, one.blocks) for one in found)


@cache
def judged():
    """Return rows, a claim, and what is to be found, for every case and some random ones."""
    whole = [*_placed(), *_bare(), *_random(25)]
    found = []
    for rows, policy, placement in whole:
        model = semantics.RouterModel(semantics.Ruleset.of(rows, whole=True))
        claim = claim_of(model, policy, **placement)
        found.append((rows, claim, told(model, claim)))
    return found


def _placed():
    for text, policy, placement in CASES:
        place = {"position": 99, **placement}
        config = knockctl_routeros.VENDOR.compiler.render((policy,), placed(place)).config
        yield carried_out(read(by_menu(parse_export(text))), config), policy, place


def _bare():
    return ((parse_export(text), SSH, {}) for text in BARE)


def _random(count):
    for number in range(count):
        case = around(random.Random(f"mutants {number}"))
        yield parse_export(case.text), case.policy, case.placement


MUTANTS = [
    ("chained", 'self._chain(("raw", "prerouting"))', 'self._chain(("filter", "prerouting"))'),
    ("chained", 'self._top("input")', "pass"),
    ("chained", 'self._top("forward")', "pass"),
    ("chained", '(("input", True), ("forward", False))', '(("input", False), ("forward", True))'),
    ("chained", "listed[: ours[-1] + 1] if ours else listed", "listed"),
    (
        "chained",
        "listed[: ours[-1] + 1] if ours else listed",
        "listed[: ours[-1]] if ours else listed",
    ),
    ("chained", "if isinstance(rule.action, chains.Leave) else rule", "if False else rule"),
    ("chained", "if not ours:\n            end", "if False:\n            end"),
    (
        "chained",
        "if rule.row.ours:\n            return True",
        "if rule.row.jump:\n            return False",
    ),
    ("chained", "return rule.row.ours and (", "return ("),
    ("chained", "bool(rules) and all(", "bool(rules) and any("),
    ("chained", "if more is ALWAYS else Every((condition, more))", "if True else condition"),
    ("chained", "yield chains.Leave(), ALWAYS", "yield chains.Alter(()), ALWAYS"),
    (
        "chained",
        "isinstance(action, Anything) or rule in self.rules.endless",
        "isinstance(action, Anything)",
    ),
    ("chained", "yield chains.Anything(), ALWAYS", "return"),
    ("chained", "Every((Is(ACCEPTED), Is(rule.fast)))", "ALWAYS"),
    ("chained", "yield chains.Alter(_EXEMPT), ALWAYS", "pass"),
    ("chained", "if self._refuses_in_raw:", "if False:"),
    ("chained", "Every((_UNTRACKED, Is(rule.guess)))", "_UNTRACKED"),
    ("chained", 'key[0] == "filter" and not self._taints and', "not self._taints and"),
    ("chained", "not self._taints and self._ours_alone(key)", "self._ours_alone(key)"),
    ("chained", "not self._taints and self._ours_alone(key)", "not self._taints"),
    (
        "chained",
        "if isinstance(action, Jump):\n                called",
        "if False:\n                called",
    ),
    ("chained", "if within and isinstance(action, Stop) and within", "if False and within"),
    ("chained", "if isinstance(action, Add):", "if False:"),
    ("chained", "isinstance(action, Leave) and rule.tests:", "False:"),
    (
        "chained",
        'condition if table == "raw" else Every((condition, _MET))',
        "Every((condition, _MET))",
    ),
    ("chained", 'test.side == "source" and not test.negated:', "test.negated:"),
    ("chained", "if rule.source:\n            yield", "if False:\n            yield"),
    ("chained", "if rule.ports:\n            yield", "if False:\n            yield"),
    ("chained", "if isinstance(rule.action, Add):", "if False:"),
    ("chained", "asked = (self._for_good(rule), Is(_marked(mark), wanted=False))", "asked = ()"),
    ("chained", "chains.Remark(mark, mark)", "chains.Remark(0, mark)"),
    ("chained", "{key: 1 << place for place,", "{key: 1 for place,"),
    ("chained", "if mark:\n            parts", "if False:\n            parts"),
    ("chained", "if test.negated else some(self._known(test)) for", "if True else some(()) for"),
    ("chained", "if all(self._known(test) and", "if False and all("),
    ("chained", "yield some(Is(atom, wanted)", "yield every(Is(atom, wanted)"),
    ("chained", "taint and test.name in taint.lists and not test.negated", "False"),
    ("chained", "[Is(atom) for atom in known.surely]", "[]"),
    ("chained", "parts += [every(Is(atom) for atom in guess) for guess in known.guesses]", ""),
    ("chained", 'kind = "ours" if test.name in self.rules.ours else "theirs"', 'kind = "ours"'),
    ("chained", "negated(some(parts)) if test.negated", "some(parts) if test.negated"),
    ("chained", "if test.name in self.rules.written:", "if False:"),
    (
        "chained",
        "for rule in run for one in rule.source]",
        "for rule in run[:1] for one in rule.source]",
    ),
    ("chained", "{rule.ports for rule in run}", "{run[0].ports}"),
    ("chained", "parts=lambda: [one for rule in run", "parts=lambda: [one for rule in run[:1]"),
    ("chained", "ours=rule.row.ours", "ours=False"),
    ("chained", "rule.where, rule.number, _Text(rule)", "rule.where, 1, _Text(rule)"),
    ("chained", "two.row.ours or action != two.body.action", "two.row.ours"),
    ("chained", "body = rule.body if _movable(rule, rule, table) else None", "body = rule.body"),
    ("chained", "(rule.body, rule.ports, not rule.source)", "(rule.body, rule.ports)"),
    ("chained", "(rule.body, rule.ports, not rule.source)", "(rule.ports, not rule.source)"),
    ("chained", "(rule.body, rule.ports, not rule.source)", "(rule.body, not rule.source)"),
    ("chained", "block[0].body.action != Stop(Verdict.ACCEPT) or", "True or"),
    ("chained", "block[0].body.action != Stop(Verdict.ACCEPT) or", ""),
    ("chained", "_meet(common(one), common(other)) and", "False and"),
    ("chained", "a <= last and first <= b", "a < last and first < b"),
    ("chained", "name in others and not values & others[name]", "name in others"),
    ("tainted", "direct = [*_rows(rules), *_written(rules)]", "direct = [*_rows(rules)]"),
    ("tainted", "direct = [*_rows(rules), *_written(rules)]", "direct = [*_written(rules)]"),
    ("tainted", "opens=name in opening", "opens=True"),
    ("tainted", "opens=name in opening", "opens=False"),
    ("tainted", "Every((taint.condition, ahead))", "taint.condition"),
    ("tainted", "if entry.ranges else []", "if False else []"),
    ("tainted", "[] if entry.sure else", "[] if True else"),
    ("tainted", "and not rule.row.ours:", ":"),
    ("tainted", "self.opens == (verdict is Verdict.ACCEPT)", "verdict is Verdict.ACCEPT"),
    (
        "tainted",
        '| guards.get(rule.row.get("chain"), set())\n        if rule.action',
        "\n        if rule.action",
    ),
    ("tainted", "for _ in steps:", "for _ in ():"),
    ("firewall", "if rule.row.ours}", "}"),
    ("firewall", 'bool(ranges) and not row.get("timeout")', "bool(ranges)"),
    ("device", "_MENUS[family])\n\n    def untracks", '"")\n\n    def untracks'),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda n: f"{n}-{MUTANTS[n][0]}")
def test_chains_that_are_wrong_in_one_place_are_told_apart(number, tmp_path, monkeypatch):
    wrong = mutant(semantics, number, MUTANTS[number], tmp_path, monkeypatch)
    assert any(_differs(wrong, *case) for case in judged())


def _differs(wrong, rows, claim, expected):
    try:
        model = wrong.RouterModel(wrong.Ruleset.of(rows, whole=True))
        return told(model, claim) != expected
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return True
