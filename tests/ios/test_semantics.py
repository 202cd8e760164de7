"""The model of an IOS router against its conformance cases, and mutants of it."""

import pytest

from knockctl_ios import semantics
from tests.fixtures.ios_cases import cases
from tests.fixtures.mutants import mutant

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_model_does_what_the_documentation_says(case):
    assert case.found(semantics) == case.wanted, case.fact


# --- mutants: a model that is wrong in one place fails some case --------------------------------

MUTANTS = [
    ("lists", 'said[0] == "permit"', 'said[0] != "remark"'),
    ("lists", "dynamic, said = said[1], said[2:]", 'dynamic, said = "", said[2:]'),
    ("lists", 'Atom("flags", (FLAGS["rst"], FLAGS["rst"]))', 'Atom("flags", (63, 63))'),
    (
        "groups",
        'if operator == "neq":\n        return Not(',
        'if operator == "neq":\n        return (',
    ),
    ("groups", "((first + 1, HIGHEST),)", "((first, HIGHEST),)"),
    (
        "lists",
        '("source", "source_port"), ("destination", "port")',
        '("source", "port"), ("destination", "source_port")',
    ),
    ("groups", 'names = ("tcp", "udp") if said[0]', 'names = ("tcp",) if said[0]'),
    ("plane", 'return said[:1] == ["drop"]', "return True"),
    ("plane", 'negated = said[:1] == ["not"]', "negated = False"),
    ("plane", "dropped.append(_PACKETS[said[1]] is not negated)", "dropped.append(True)"),
    ("plane", 'action.text.split()[:1] == ["log"]', "True"),
    ("plane", "if not by_interface:", "if False:"),
    ("plane", "Not(condition) if negated else condition", "condition"),
    ("plane", 'return Atom("interface", said[1])', "return ALWAYS"),
    ("dispositions", "if dynamic is None:\n                return", "return"),
    ("dispositions", "if entry.dynamic and not (entry.permits or how.denying):", "if False:"),
    ("dispositions", 'how.destination == "given"', "True"),
    ("dispositions", 'if self.around.document.whole or name.startswith("kc-"):', "if False:"),
    ("dispositions", "if not refused and self.ask(LOCAL):", "if not refused:"),
    ("dispositions", "all(answers) if one.every else any(answers)", "any(answers)"),
    ("dispositions", "if not one.logs and self.around.switches.log_action:", "if not one.logs:"),
    ("device", "all(answers) if one.every else any(answers)", "any(answers)"),
    ("device", "if dropped is (dropping is not None):", "if True:"),
    (
        "device",
        "dropping = next((one for one, _ in found if one.drops), None)",
        "dropping = found[0][0] if found else None",
    ),
    ("device", "self.mind.used(entry)", "pass"),
    ("device", "if flow in self.mind.counted:", "if False:"),
    ("device", "elif fate.listed:", "elif False:"),
    ("entries", "if self.then is None else entry.key in self.then", ""),
    ("entries", "if known and self.there(known) and not switches.renewed:", "if False:"),
    ("entries", "if known and self.there(known) and not switches.renewed:", "if known:"),
    ("entries", 'if minutes and switches.template == "absolute":', "if minutes:"),
    ("entries", "min(ends) * MINUTE + late", "max(ends) * MINUTE + late"),
    ("entries", "templates = templates[:1]", "pass"),
    ("entries", "not 1 <= int(minutes) <= 9999", "False"),
    ("events", "for one in mine[: max(len(mine) - most, 0)]:", "for one in mine[most:]:"),
    (
        "events",
        "return self.younger(event.since.clock, event.since.seconds + window)",
        "return True",
    ),
    ("events", '"and": result and come', '"and": result or come'),
    ("events", 'if len(self._counting(applet, "", applet.period)) < often:', "if False:"),
    ("router", "waited + waits.seconds <= applet.maxrun", "True"),
    ("settling", "not clocks.younger(mind.waiting[0].clock, delay)", "True"),
    ("events", "return len(mine) + 1", "return 1"),
    ("language", "raise Stopped(name)", 'return ""'),
    ("language", 'elif self.privileged or text.startswith("show "):', "elif True:"),
    (
        "language",
        'self.at = action.end + 1\n        elif action.verb == "end"',
        'pass\n        elif action.verb == "end"',
    ),
    ("language", "if self.numeric and all(", "if all("),
    ("language", "raise Stopped(action.label)\n        else:", "pass\n        else:"),
    ("statements", "WINDOW = 180", "WINDOW = 181"),
    ("memory", "SUMMARY = 300", "SUMMARY = 99"),
    ("logs", '"->" if self.style == "tight" else " -> "', '" -> "'),
    ("logs", 'shown = f"[{kind.tag}]" if self.bracketed else kind.tag', "shown = kind.tag"),
    ("document", 'if said[0] == "access-list" and', "if False and"),
    ("document", 'kind = "standard" if any(', 'kind = "extended" if any('),
    ("document", 'if len(source) == 1 and source != ["any"]:', "if False:"),
    ("document", "said[2:4] = []", "pass"),
    ("document", '"router-traffic" in text.split()', "True"),
    ("document", 'known = ("control-plane", "control-plane host")', 'known = ("control-plane",)'),
    ("dispositions", "if dynamic and True in [", "if dynamic and False in ["),
    ("dispositions", "if self.family != 4 or not self.ask(LOCAL):", "if True:"),
    (
        "dispositions",
        'first = None if self._nowhere() else self._decided("before")',
        "first = None",
    ),
    ("input_path", 'if said[-2:] != ["destination", "self"]', "if False"),
    ("input_path", 'Line(f"zone-member security {zone}") in line.below', "True"),
    ("input_path", 'Line("ip nat outside") in line.below', "True"),
    ("input_path", 'if "vrf" in said or "route-map" in said:', "if False:"),
    ("input_path", "port = int(rest[1])", "port = int(said[1])"),
    ("input_path", 'words = ("drop", "police", "service-policy")', 'words = ("",)'),
    ("input_path", "here = Not(Atom(", "here = (Atom("),
    ("input_path", "(*_TERMINAL, *document.shells)", "_TERMINAL"),
    ("input_path", "if entry.permits and not entry.dynamic:", "if True:"),
    ("compiled_config", "if self.document.whole else ()\n\n", "\n\n"),
    ("compiled_config", "for detector in applet.detectors if", "for detector in () if"),
    ("unsolicited_logs", "-6-IPACCESSLOG", "-9-"),
    ("unsolicited_logs", "if looked.accepts(states[0]):", "if False:"),
]


@pytest.mark.parametrize("number", range(len(MUTANTS)), ids=lambda n: f"{n}-{MUTANTS[n][0]}")
def test_a_model_that_is_wrong_in_one_place_fails(number, tmp_path, monkeypatch):
    wrong = mutant(semantics, number, MUTANTS[number], tmp_path, monkeypatch)
    assert any(case.fails(wrong) for case in sorted(CASES, key=lambda case: len(case.text)))
