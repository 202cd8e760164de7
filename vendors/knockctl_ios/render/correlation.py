"""``order: correlated``: one applet for a whole sequence, started when all of it has come.

The event manager keeps the latest log line of each knock, whoever sent it, and starts the applet
once there is one of each within the trigger's period. The applet lets in whose lines they are, if
they are all of one source and came in the sequence's order, by the numbers that
``service sequence-numbers`` puts before log lines. They are padded with zeros; a 1 before them
makes them the same to whatever compares numbers and to whatever compares texts.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockctl.errors import PolicyError
from knockctl.policy.resolved import Generation, ResolvedPolicy
from knockctl_ios.config.quoting import quoted
from knockctl_ios.config.syntax import Line
from knockctl_ios.render.applets import MAXRUN, SOURCE, Actions, let_in, named, waited
from knockctl_ios.render.names import PolicyNames

NEEDS = "service sequence-numbers"
_NUMBER = "^([0-9]+): "


def window(policy: ResolvedPolicy, generation: Generation) -> int:
    """Return how many seconds a whole sequence may take."""
    return policy.step_timeout * max(len(generation.knocks) - 1, 1)


def correlated(names: PolicyNames) -> Iterator[Line]:
    """Yield an applet for each sequence on each address."""
    number = 0
    for address in names.addresses:
        for generation in names.policy.generations:
            number += 1
            secret = any(knock.secret for knock in generation.knocks)
            patterns = [waited(names, address, knock.span) for knock in generation.knocks]
            lines = [Line(f"description {names.says(secret=secret)}")]
            if len(patterns) == 1:
                lines.append(Line(f"event syslog pattern {quoted(patterns[0])} maxrun {MAXRUN}"))
            else:
                lines += _events(patterns, window(names.policy, generation))
            actions = _actions(names, len(patterns))
            yield Line(named(names, number), (*lines, *actions.lines))


def _events(patterns: list[str], seconds: int) -> Iterator[Line]:
    tags = [f"k{number:02}" for number in range(1, len(patterns) + 1)]
    for tag, pattern in zip(tags, patterns, strict=True):
        longest = f" maxrun {MAXRUN}" if tag == tags[0] else ""
        yield Line(f"event tag {tag} syslog pattern {quoted(pattern)}{longest}")
    joined = " and ".join(f"event {tag}" for tag in tags)
    yield Line(f"trigger occurs 1 period {seconds}", (Line(f"correlate {joined}"),))


def _actions(names: PolicyNames, count: int) -> Actions:
    """Ask each line for its source and its number; whatever is not as it should be ends the run."""
    actions = Actions()
    for number in range(1, count + 1):
        if count > 1:
            actions.add(f"info type event reqinfo tag k{number:02}")
            actions.add(f'regexp {quoted(_NUMBER)} "$_syslog_msg" kc_line kc_number')
            _ends('$_regexp_result ne "1"', actions)
            actions.add(f'set kc_number{number:02} "1$kc_number"')
        actions.add(f'regexp {quoted(SOURCE)} "$_syslog_msg" kc_line kc_source{number:02}')
        _ends('$_regexp_result ne "1"', actions)
        if number > 1:
            _ends(f"$kc_source{number - 1:02} ne $kc_source{number:02}", actions)
            _ends(f"$kc_number{number - 1:02} ge $kc_number{number:02}", actions)
    actions.add(f'set kc_source "$kc_source{count:02}"')
    actions.run("enable")
    let_in(names, actions)
    return actions


def _ends(condition: str, actions: Actions) -> None:
    """End the run where a condition holds."""
    actions.add(f"if {condition}")
    actions.add("exit")
    actions.add("end")


def tellable(policy: ResolvedPolicy) -> None:
    """Refuse a sequence with a port in it twice: one line would be both knocks."""
    for generation in policy.generations:
        spans = [knock.span for knock in generation.knocks]
        for knock in generation.knocks:
            if spans.count(knock.span) > 1:
                said = "a port" if knock.secret else f"{knock.span}"
                raise PolicyError(
                    f"{policy.name}: {said} is a knock twice in one sequence: with order: "
                    "correlated one log line would be both",
                    hint="choose another port for one of them, or order: staged or tcl",
                )
