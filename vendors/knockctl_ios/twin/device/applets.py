"""The Embedded Event Manager's part of the configuration: applets, environment, policies.

Actions are kept and printed in the ascending order of their labels as strings; those inside
blocks are printed one blank further in per block.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockctl_ios.semantics.tcl import registration
from knockctl_ios.twin.device.configuring import Configuring
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.rules import Refused, Rule
from knockctl_ios.twin.device.tree import Node

APPLET = "event manager applet"
QUOTE = '"'
OPENING = ("if", "while", "foreach")
_OPTIONS = (
    "[occurs <1-32>|period WORD|maxrun WORD|priority WORD|severity-all|severity-critical"
    "|severity-debugging|severity-emergencies|severity-errors|severity-fatal"
    "|severity-informational|severity-major|severity-minor|severity-normal"
    "|severity-notifications|severity-warnings|skip-facility-check|ratelimit WORD]*"
)
_OTHERS = (
    "application|cli|config|counter|env|gold|identity|interface|ioswdsysmon|ipsla"
    "|neighbor-discovery|nf|oir|process|resource|rf|routing|rpc|snmp|snmp-notification|timer|track"
)
EVENT = f"{{syslog {_OPTIONS} pattern STRING {_OPTIONS}|none [LINE]|{{{_OTHERS}}} LINE}}"


def applet(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Open or delete an applet."""
    name = parsed.get("name")
    key = f"{APPLET} {name}"
    if negated:
        cfg.top.drop(key)
        return ""
    known = cfg.top.child(key)
    text = known.text if known and parsed.text == key else parsed.text
    args = {"name": name}
    cfg.enter(cfg.top.put(Node(text, key, (parsed.command.rank, ""), "config-applet", args=args)))
    return ""


def event(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Keep an event of its tag, or remove it."""
    tag = parsed.get("tag")
    key = f"event tag {tag}" if tag else "event"
    if negated:
        cfg.section.drop(key)
    else:
        cfg.section.put(Node(parsed.text, key, (1, ""), args={"tag": tag}))
    return ""


def action(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Keep an action under its label, or remove it."""
    label = parsed.get("label")
    key = f"action {label}"
    if negated:
        cfg.section.drop(key)
    else:
        verb = parsed.words[2]
        cfg.section.put(Node(parsed.text, key, (3, label), args={"label": label, "verb": verb}))
    return ""


def trigger(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Open or remove what says how events are correlated."""
    if negated:
        cfg.section.drop("trigger")
    else:
        node = Node(parsed.text, "trigger", (2, ""), "config-applet-trigger")
        cfg.enter(cfg.section.put(node))
    return ""


def policy(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Register a Tcl policy that the user directory holds, or take it out."""
    name = parsed.get("name")
    key = f"event manager policy {name}"
    if negated:
        cfg.top.drop(key)
        return ""
    folder = cfg.top.child("event manager directory user policy")
    if folder is None:
        raise Refused("% EEM: no user policy directory is configured")
    path = f"{folder.text.rpartition(' ')[2].strip(QUOTE).rstrip('/')}/{name}"
    source = cfg.file(path)
    if source is None:
        raise Refused(f"% EEM: {path}: No such file or directory")
    if registration(source) is None:
        raise Refused("% EEM Register event failed: the policy registers no event")
    node = Node(parsed.text, key, (parsed.command.rank, ""), args={"name": name, "path": path})
    cfg.top.put(node).since = cfg.now()
    return ""


def left(cfg: Configuring, node: Node) -> str:
    """Register an applet on leaving its mode; one without events is not."""
    if any(child.key.startswith("event") for child in node.children):
        node.since = cfg.now()
        return ""
    node.since = 0.0
    return f"%EEM: applet {node.args['name']} has no event and is not registered\n"


def indented(applet: Node) -> Iterator[tuple[Node, str]]:
    """Return an applet's lines with their texts, actions indented by their blocks."""
    depth = 0
    for node in applet.children:
        verb = node.args.get("verb", "")
        if not verb:
            yield node, node.text
            continue
        depth -= verb in ("end", "else", "elseif")
        head = f"action {node.args['label']} "
        yield node, head + " " * max(depth, 0) + node.text[len(head) :]
        depth += verb in (*OPENING, "else", "elseif")


_IF = "WORD {eq|ne|lt|le|gt|ge} STRING"
_VERBS = (
    "info type event reqinfo [tag WORD]",
    "info type {routername|interface-names|cli|snmp} [LINE]",
    "regexp STRING STRING [WORD [WORD [WORD [WORD]]]]",
    f"if {_IF} [goto WORD]",
    f"elseif {_IF}",
    f"while {_IF}",
    "foreach WORD STRING [STRING]",
    "{else|end|break|continue}",
    "exit [STRING]",
    "cli command STRING [pattern STRING]",
    "syslog [priority WORD|facility WORD]* msg STRING",
    "set WORD STRING",
    "append WORD [STRING]",
    "{increment|decrement} WORD [WORD]",
    "{add|subtract|multiply|divide} WORD WORD",
    "wait WORD",
    "puts [nonewline] STRING",
    "comment LINE",
    "context {save|retrieve} key WORD variable STRING",
    "string {compare|equal|first|index|last|length|match|range|replace} LINE",
    "string {tolower|toupper|trim|trimleft|trimright} LINE",
    "{counter|track|mail|snmp-trap|publish-event|policy|reload} [LINE]",
    "{gets|handle-error|help|file|cns-event} [LINE]",
)
APPLET_RULES = (
    Rule("description LINE", key=1),
    Rule(f"event {EVENT}", least=1, apply=event),
    Rule(f"event tag tag=WORD {EVENT}", least=3, apply=event),
    Rule("trigger [occurs <1-32>|period WORD|period-start STRING|delay WORD]*", 2, apply=trigger),
    *(Rule(f"action label=WORD {verb}", least=2, apply=action) for verb in _VERBS),
)
TRIGGER_RULES = (
    Rule("correlate {event WORD|track WORD} [{and|or|andnot} {event WORD|track WORD}]*", key=1),
    Rule("attribute tag WORD [occurs <1-32>]", 1, key=3),
)


def rules(rank: int) -> tuple[Rule, ...]:
    """Return the commands of the global mode, printed from a rank on."""
    environment = "event manager environment WORD LINE"
    return (
        Rule(environment, rank, key=4, least=4),
        Rule("event manager directory user policy STRING", rank + 1, key=5),
        Rule("event manager directory user library STRING", rank + 1, key=5),
        Rule("event manager session cli username WORD [privilege <0-15>]", rank + 1, key=5),
        Rule("event manager scheduler LINE", rank + 1),
        Rule("event manager history size {events|traps} [<0-50>]", rank + 1),
        Rule(
            "event manager applet name=WORD [authorization bypass|class WORD|trap]*",
            rank + 2,
            least=4,
            apply=applet,
        ),
        Rule(
            "event manager policy name=FILE [type {user|system}|authorization bypass|trap"
            "|username WORD]*",
            rank + 3,
            least=4,
            apply=policy,
        ),
    )
