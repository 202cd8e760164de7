"""Mutants of what reads foreign rules and places ours: wrong in one place, they tell otherwise."""

from importlib import import_module

import pytest

import knockctl_panos
from knockctl.errors import GuardError
from knockctl.verify import exposures
from knockctl_panos import semantics
from knockctl_panos.plan.modeller import PanosModeller
from knockctl_panos.render.render import render
from tests.fixtures.cases import CRASHES
from tests.fixtures.mutants import mutant
from tests.fixtures.panos_dice import dice
from tests.fixtures.panos_foreign import surroundings
from tests.fixtures.panos_judged import (
    ADDRESS,
    CAREFUL,
    PATIENT,
    SEEN,
    SIX,
    SSH,
    among,
    claim_of,
    place_of,
    text_of,
)

ALLOW, DENY = {"action": "allow"}, {"action": "deny"}
ZONED = {"from_zones": ["untrust"], "to_zones": ["dmz"]}
NETS = ["192.0.2.0/25", "203.0.113.0/24", "198.51.100.0/24", ADDRESS, SIX]
OFF = {**ALLOW, "disabled": "yes"}


def named(*rules):
    return [{"name": f"r{number}", **rule} for number, rule in enumerate(rules, start=1)]


def runs(question, values, **words):
    return [{**ALLOW, **words, question: [value]} for value in values]


CASES = [
    (named(*rules), policy, {"position": position, **placement})
    for rules, policy, position, placement in (
        (runs("source", NETS), PATIENT, "bottom", {}),
        (runs("destination", NETS), PATIENT, "bottom", {}),
        (runs("service", ["ssh", "low", "web"]), PATIENT, "bottom", {}),
        (runs("service", ["ssh", "dns", "low"]), SSH, "bottom", {}),
        (runs("source", NETS, service=["ssh"])[:2] + runs("service", ["low"]), SSH, "bottom", {}),
        ([*runs("source", NETS), {**DENY, "source": ["10.0.0.0/8"]}], SSH, "bottom", {}),
        (runs("source", ["office", "site", "offices"]), SSH, "bottom", {}),
        (runs("source", NETS[:2], **{"negate-source": "yes"}), SSH, "bottom", {}),
        (runs("destination", NETS, **{"negate-destination": "yes"}), PATIENT, "bottom", {}),
        ([OFF, {**ALLOW, "action": "teleport"}, ALLOW], SSH, "bottom", {}),
        ([{**ALLOW, "description": "a"}, {**ALLOW, "description": "b"}], SSH, "bottom", {}),
        ([{**DENY, "source": ["seen"], "log-setting": "seen"}, ALLOW], CAREFUL, "bottom", {}),
        (
            [
                {**ALLOW, "source": ["office"], "service": ["ssh"]},
                {**ALLOW, "source": ["10.0.0.0/8"], "service": ["low"]},
            ],
            PATIENT,
            "bottom",
            {},
        ),
        (
            [
                {**ALLOW, "source": ["office"], "service": ["ssh"]},
                {**ALLOW, "source": ["10.0.0.0/8"], "service": ["ssh"]},
                {**ALLOW, "source": ["10.0.0.0/8"], "service": ["low"]},
            ],
            SSH,
            "bottom",
            {},
        ),
        ([{**ALLOW, "source": ["192.0.2.7/24"]}], SSH, "bottom", {}),
        ([ALLOW, DENY], SSH, "top", {}),
        ([DENY, ALLOW], SSH, {"after": "r1"}, {}),
        ([ALLOW, DENY], SSH, {"before": "r1"}, {}),
        ([ALLOW, DENY], SSH, {"before": "r2"}, {}),
        ([{**ALLOW, "from": ["lan"]}, {**ALLOW, "to": ["wan"]}], SSH, "bottom", ZONED),
        ([{**ALLOW, "from": ["lan", "untrust"], "to": ["dmz"]}], SSH, "bottom", ZONED),
        ([{**ALLOW, "service": ["sctp"]}, {**ALLOW, "service": ["web"]}], PATIENT, "bottom", {}),
        ([{**ALLOW, "schedule": "nights", "source": ["office"]}], SSH, "bottom", {}),
        ([{**DENY, "application": ["ssh"], "category": ["b", "a"]}], SSH, "bottom", {}),
    )
]


def texts():
    """Yield texts, intended configs, and how to ask; ours run already in some."""
    for rules, policy, placement in CASES:
        config = render((policy,), place_of(**placement)).config
        for family in (4, 6):
            ask = {"family": family, **placement}
            yield text_of(*rules, profiles=SEEN), config, policy, ask
        above = len(rules) - 1
        ours = config.marked("aaaa1111")
        yield text_of(*rules, profiles=SEEN, ours=ours, above=above), config, policy, placement
        yield text_of(*rules, profiles=SEEN, ours=ours, above=above), None, policy, placement
    config = render((SSH,), place_of()).config
    off = text_of(*named(ALLOW), ours=config).replace(
        "</action>", "</action><disabled>yes</disabled>"
    )
    yield off, None, SSH, {}
    pushed = {"pre": [{"name": "pushed", **OFF}]}
    far = {"name": "r1", **ALLOW, "destination": ["203.0.113.9"], "negate-destination": "yes"}
    below = render((SSH,), place_of(position="bottom")).config
    yield text_of(far, pushed=pushed), below, SSH, {"position": "bottom"}
    for place in ("knock1", "wrong"):
        yield among(CAREFUL, **{place: {"name": "r1", **ALLOW}}), None, CAREFUL, {}
    for number in range(40):
        one = surroundings(dice(f"mutant {number}"))
        yield one.text, None, one.policy, {"family": one.family, **one.place}


TEXTS = list(texts())


def told(model, policy, ask):
    program = model.program(ask.get("family", 4))
    found = exposures.find(claim_of(model, policy, **ask), program)
    chain = program.chains["security rules"]
    return len(chain), [(one.code, str(one), one.certain, one.everyone) for one in found]


def by(modeller, change=lambda model: model):
    """Yield what is told of each text."""
    for text, config, policy, ask in TEXTS:
        try:
            yield told(change(modeller.running(text, config).model), policy, ask)
        except (*CRASHES, GuardError) as error:
            yield type(error)


@pytest.fixture(scope="module")
def right():
    return list(by(PanosModeller()))


def differs(right, found):
    return any(one != other for one, other in zip(right, found, strict=True))


MEANING = [
    ("ours", 'kind = "ours" if tags[0].tag in owned.tags else "theirs"', 'kind = "ours"'),
    ("ours", 'Open(name, "guess") if guessed', 'Open(name, "chance") if guessed'),
    (
        "ours",
        "return negated(condition(formula.part, owned))",
        "return condition(formula.part, owned)",
    ),
    ("ours", "Every(parts) if isinstance(formula, asked.All)", "Every(parts) if True"),
    ("ours", "ALWAYS if answer is one.wanted else NEVER", "ALWAYS if answer else NEVER"),
    (
        "ours",
        "if NEVER in parts:\n                    return NEVER",
        "if False:\n                    pass",
    ),
    (
        "ours",
        "if ALWAYS in parts:\n                    return ALWAYS",
        "if False:\n                    pass",
    ),
    ("ours", "a <= first and last <= b", "a <= first"),
    ("ours", "first <= b and a <= last", "first <= b"),
    (
        "ours",
        "return next(iter(answers)) if len(answers) == 1 else None",
        "return next(iter(answers))",
    ),
    (
        "program",
        "if target is _NOTHING_SAID:\n            return _NO_BUT",
        "if False:\n            pass",
    ),
    ("program", "if target and service:", "if target:"),
    ("program", "elif source and service:", "elif source:"),
    ("program", "elif source and target:", "elif True:"),
    ("program", "self._differing not in (0, number) or not alike", "not alike"),
    ("program", "or not alike or not before.field", "or not alike"),
    ("program", "return before.field == here.field", "return True"),
    (
        "program",
        "ranges = None if rest.but[0] else self._literally(words)",
        "ranges = self._literally(words)",
    ),
    (
        "program",
        "ranges = None if rest.but[1] else self._literally(words)",
        "ranges = self._literally(words)",
    ),
    (
        "program",
        "if in_force(each[1]):\n                    self._waiting",
        "if True:\n                    self._waiting",
    ),
    ("program", "if in_force(tree):\n            asked", "if True:\n            asked"),
    ("program", "Stop(verdict) if verdict else Anything()", "Stop(verdict)"),
    ("program", "self.governed.elsewhere(ranges):", "True:"),
    ("program", "if name in mine and in_force(tree)", "if False"),
    ("program", "if not self._waiting and not any(rule.ours for rule in chain):", "if True:"),
    ("program", "parts=lambda: [_alone(row) for row in run],", ""),
    ("program", "parts=lambda: [_alone(row) for row in run],", "parts=lambda: [_alone(run[0])],"),
    ("program", "one.whole() if len(said) == 1 else one.asking(tuple(ranges))", "one.whole()"),
    ("program", "said = sorted(_leaves(child))", "said = []"),
    ("program", 'but = "not " if child.tag in negated else ""', 'but = ""'),
    ("program", 'words = [tree.word("action", "allow")]', "words = []"),
    ("ours", "tags if alike else ()", "()"),
    ("device", "steady=True", "steady=False"),
    ("device", "first = (self._strays,) if self.reject_non_syn else ()", "first = ()"),
    (
        "device",
        "asked = every((Asked(_TCP), Asked(_OPENING, wanted=False)",
        "asked = every((Asked(_TCP), Asked(_OPENING)",
    ),
    ("rules", 'node.word("negate-source") == "yes"', "False"),
    ("rules", 'node.word("negate-destination") == "yes"', "False"),
    ("rules", 'yield guess(place, f"what its {part.tag} means")', "pass"),
    ("rules", "True if inside <= zones else unknown", "True"),
    (
        "objects",
        "hosts is None else (first & ~hosts, first | hosts)",
        "hosts is None else (first, first | hosts)",
    ),
    (
        "objects",
        "hosts is None else (first & ~hosts, first | hosts)",
        "hosts is None else (first, first)",
    ),
    ("objects", "(quick,) if self.family == _V4 else ()", "(quick,)"),
    ("objects", "if None in found:\n            return None", "found = [f for f in found if f]"),
]


@pytest.mark.parametrize("number", range(len(MEANING)), ids=lambda n: f"{n}-{MEANING[n][0]}")
def test_a_reading_that_is_wrong_in_one_place_tells_otherwise(number, right, tmp_path, monkeypatch):
    wrong = mutant(semantics, 1000 + number, MEANING[number], tmp_path, monkeypatch)

    def change(model):
        return wrong.PanosModel(
            model.document,
            whole=True,
            destinations=model.destinations,
            ours=wrong.Owned(model.ours.rules, model.ours.tags),
        )

    assert differs(right, by(PanosModeller(), change))


PLACES = [
    ("plan/placing", 'others.index(other) + (where == "after")', "others.index(other)"),
    ("plan/placing", 'others.index(other) + (where == "after")', "others.index(other) + 1"),
    ("plan/placing", 'return 0 if where == "top" else len(others)', "return 0"),
    ("plan/placing", 'return 0 if where == "top" else len(others)', "return len(others)"),
    ("plan/placing", 'if where == "bottom" or not there:', "if not there:"),
    (
        "plan/placing",
        "return there if _harmless(document.holding(goal, base, there)) else 0",
        "return there",
    ),
    ("plan/placing", 'if "any" in zones or', "if"),
    ("config/document", "(*foreign[:above], *ours, *foreign[above:])", "(*ours, *foreign)"),
    (
        "config/document",
        "foreign, above = listed.foreign, self.instead.above",
        "foreign, above = listed.entries, self.instead.above",
    ),
    (
        "config/document",
        "for node in (self.pushed, *reversed(around), self.own)",
        "for node in (*reversed(around), self.own)",
    ),
    ("config/document", "        yield from mine\n", ""),
    ("config/document", "if name.startswith(OWN_NAME) or name == OWN:", "if name == OWN:"),
    ("config/rows", "asked[child.tag] = tuple(spots[1:])", "asked[child.tag] = tuple(spots[:1])"),
    ("config/rows", "asked[child.tag] = tuple(spots[1:])", "asked[child.tag] = ()"),
    ("config/rows", "kept += spots", "pass"),
    ("config/rows", "elif child.tag not in SILENT:", "elif False:"),
    ("config/rows", "at += len(texts)", "at += 1"),
    ("config/rows", "setdefault(tuple(shape), object())", "setdefault(tuple(shape), len(known))"),
    ("plan/modeller", "if intended is not None:", "if False:"),
    ("plan/modeller", "ours=owned_of(ours)", "ours=owned_of(config)"),
]


@pytest.mark.parametrize("number", range(len(PLACES)), ids=lambda n: f"{n}-{PLACES[n][0]}")
def test_a_place_that_is_wrong_in_one_place_tells_otherwise(number, right, tmp_path, monkeypatch):
    package = mutant(knockctl_panos, number, PLACES[number], tmp_path, monkeypatch)
    wrong = import_module(f"{package.__name__}.plan.modeller")
    assert differs(right, by(wrong.PanosModeller()))
