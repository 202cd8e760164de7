"""Object groups, class-maps, policy-maps, and what is attached to the control plane."""

from __future__ import annotations

from knockctl_ios.twin.device import ports
from knockctl_ios.twin.device.configuring import Configuring
from knockctl_ios.twin.device.grammar import Parsed
from knockctl_ios.twin.device.rules import Refused, Rule, keep
from knockctl_ios.twin.device.tree import Node

# --- object groups ---


def group(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Open or delete an object group; one in use stays."""
    name = parsed.words[2]
    if negated and _group_used(cfg, name):
        raise Refused(f"% Object-group {name} is in use, cannot be deleted")
    return keep(cfg, parsed, negated)


def _group_used(cfg: Configuring, name: str) -> bool:
    return "object-group" in cfg.switches.guarded and any(
        f"object-group {name} " in f"{node.text} "
        for acl in cfg.top.having("ip access-list")
        for node in acl.children
    )


def member(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Add or remove a member; the last of a group in use stays."""
    text = " ".join(ports.printed(parsed.words[0], word) for word in parsed.words)
    inside = cfg.section
    if not negated:
        inside.put(Node(text, text))
    elif len(inside.below) == 1 and inside.child(text) and _group_used(cfg, inside.args["name"]):
        raise Refused(f"% Object-group {inside.args['name']} is in use, cannot be emptied")
    else:
        inside.drop(text)
    return ""


_RANGED = "{eq PORT|gt PORT|lt PORT|range PORT PORT|PORT}"
MEMBERS = (
    Rule("description LINE", key=1),
    Rule("group-object WORD", apply=member),
    Rule(
        f"{{tcp|udp|tcp-udp}} {{source {_RANGED} [{_RANGED}]|{_RANGED}}}",
        apply=member,
    ),
    Rule("{tcp|udp|tcp-udp|icmp|ip|gre|esp|ahp|<0-255>}", apply=member),
    Rule("icmp {echo|echo-reply|unreachable|time-exceeded|<0-255>}", apply=member),
)

# --- classes and policies ---


def class_map(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Open or delete a class-map; without a word about it, all its lines must match."""
    name, kind = parsed.get("name"), parsed.get("type")
    words = f"type {kind} " if kind else ""
    key = f"class-map {words}{name}"
    if negated:
        policies = cfg.top.having(f"policy-map {words}") if kind else _untyped(cfg, "policy-map")
        used = any(child.text == f"class {name}" for p in policies for child in p.children)
        if used and "class-map" in cfg.switches.guarded:
            raise Refused(f"% Class-map {name} is being used, cannot be deleted")
        cfg.top.drop(key)
        return ""
    how = parsed.get("how") or "match-all"
    text = f"class-map {words}{how} {name}"
    mode = "config-cmap-log" if kind == "logging" else "config-cmap"
    cfg.enter(cfg.top.put(Node(text, key, (parsed.command.rank, ""), mode, args={"name": name})))
    return ""


def _untyped(cfg: Configuring, word: str) -> list[Node]:
    return [node for node in cfg.top.having(word) if not node.text.startswith(f"{word} type")]


def policy_map(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Open or delete a policy-map; one that is attached stays."""
    name, kind = parsed.get("name"), parsed.get("type")
    text = f"policy-map type {kind} {name}" if kind else f"policy-map {name}"
    if negated and "policy-map" in cfg.switches.guarded:
        what = f"service-policy type {kind} " if kind else "service-policy "
        for place in (*cfg.top.having("control-plane"), *cfg.top.having("interface")):
            if any(n.text.startswith(what) and n.text.endswith(f" {name}") for n in place.children):
                raise Refused(f"% Policy-map {name} is in use by {place.text}, cannot be deleted")
    if negated:
        cfg.top.drop(text)
        return ""
    mode = "config-pmap-log" if kind == "logging" else "config-pmap"
    node = Node(text, text, (parsed.command.rank, ""), mode, args={"name": name, "type": kind})
    cfg.enter(cfg.top.put(node))
    return ""


def policy_class(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Open or remove a policy's class, or put a new one before another."""
    name, before = parsed.get("name"), parsed.get("before")
    policy, kind = cfg.section, cfg.section.args["type"]
    key = f"class {name}"
    if negated:
        policy.drop(key)
        return ""
    known = f"class-map type {kind} {name}" if kind else f"class-map {name}"
    if name != "class-default" and cfg.top.child(known) is None:
        raise Refused(f"% class map {name} not configured")
    if before and policy.child(f"class {before}") is None:
        raise Refused(f"% class {before} not configured in the policy")
    fresh = policy.child(key) is None
    mode = "config-pmap-c-log" if kind == "logging" else "config-pmap-c"
    node = policy.put(Node(key, key, (int(name == "class-default"), ""), mode))
    if fresh and before:
        _move(policy, key, f"class {before}")
    cfg.enter(node)
    return ""


def _move(policy: Node, key: str, before: str) -> None:
    keys = [other for other in policy.below if other != key]
    keys.insert(keys.index(before), key)
    policy.become({other: policy.below[other] for other in keys})


_MATCH = "match [not] "
CLASS = (
    Rule("description LINE", key=1),
    Rule(_MATCH + "access-group {name WORD|<1-2699>}"),
    Rule(_MATCH + "{any|class-map WORD|protocol WORD|input-interface INTERFACE}"),
    Rule(_MATCH + "{ip|dscp|precedence|cos|vlan|qos-group|mpls} LINE"),
)
CLASS_LOG = (
    Rule("description LINE", key=1),
    Rule(_MATCH + "packets {dropped|permitted|error}"),
    Rule(_MATCH + "input-interface INTERFACE"),
    Rule(_MATCH + "ipv4 {source-address|destination-address} A.B.C.D"),
)
POLICY = (
    Rule("description LINE", key=1),
    Rule("class name=WORD", least=2, apply=policy_class),
    Rule("class name=WORD insert-before before=WORD", apply=policy_class, needs="inserts_classes"),
)
ACTIONS = (
    Rule("drop", 1),
    Rule("police LINE", 2, key=1),
    Rule("set LINE", 3),
    Rule("{priority|bandwidth|shape|queue-limit|fair-queue|random-detect} [LINE]", 4, key=1),
    Rule("{inspect|pass} [LINE]", 5),
    Rule("service-policy WORD", 6, key=1),
)
ACTIONS_LOG = (Rule("log [interval <1-60000>|total-length|ttl]*", key=1),)

# --- the control plane ---


def control_plane(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Go there; it cannot be removed."""
    if negated:
        raise Refused("% Control-plane cannot be removed")
    where = parsed.get("where")
    mode = "config-cp-host" if where == "host" else "config-cp"
    text = parsed.text
    cfg.enter(cfg.top.put(Node(text, text, (parsed.command.rank, where), mode)))
    return ""


def attach(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Attach a policy or take it away; there is one of each type and direction."""
    name, kind = parsed.get("name"), parsed.get("type")
    key = f"service-policy {kind or 'qos'} {parsed.get('direction')}"
    found = cfg.section.child(key)
    if negated:
        if found is None or name not in ("", found.args["name"]):
            raise Refused(f"% Policy-map {name} is not attached")
        cfg.section.drop(key)
        return ""
    if not name:
        raise Refused("% Incomplete command.\n")
    policy = f"policy-map type {kind} {name}" if kind else f"policy-map {name}"
    if cfg.top.child(policy) is None:
        raise Refused(f"% policy map {name} not configured")
    if found is not None and found.args["name"] != name:
        raise Refused(f"% Policy map {found.args['name']} is already attached")
    text = parsed.text
    cfg.section.put(Node(text, key, (int(bool(kind)), ""), args={"name": name, "type": kind}))
    return ""


ATTACH = (
    Rule("service-policy {direction=input|direction=output} [name=WORD]", apply=attach),
    Rule(
        "service-policy type {type=logging|type=port-filter|type=queue-threshold}"
        " {direction=input|direction=output} [name=WORD]",
        apply=attach,
        needs="logs_plane",
    ),
)
