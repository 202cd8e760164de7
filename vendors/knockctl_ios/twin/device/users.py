"""Users, the enable secret, interfaces, and other lines that aren't kept as they are typed."""

from __future__ import annotations

from knockctl_ios.twin.device import parameters, passwords
from knockctl_ios.twin.device.configuring import Configuring
from knockctl_ios.twin.device.grammar import Parsed, Rejected
from knockctl_ios.twin.device.rules import Refused, Rule
from knockctl_ios.twin.device.tree import Node

_SECRET = "[kind=0|kind=5|kind=7|kind=8|kind=9] value=LINE"  # noqa: S105 - a syntax


def _kept(parsed: Parsed[Rule]) -> str:
    kind, value = parsed.get("kind") or "0", parsed.get("value")
    if kind == "0" and "secret" in parsed.words:
        return f"5 {passwords.hashed(value)}"
    return f"{kind} {value}"


def username(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Keep a user; what isn't said again stays as it was."""
    name = parsed.get("name")
    key = f"username {name}"
    if negated:
        cfg.top.drop(key)
        return ""
    known = cfg.top.child(key)
    args = {"name": name, "privilege": "1"} | (known.args if known else {})
    args |= {word: parsed.get(word) for word in ("privilege",) if parsed.get(word)}
    if parsed.get("value"):
        args["word"] = "secret" if "secret" in parsed.words else "password"
        args["kept"] = _kept(parsed)
    level = f" privilege {args['privilege']}" if args["privilege"] != "1" else ""
    word = f" {args['word']} {args['kept']}" if "kept" in args else ""
    cfg.top.put(Node(f"{key}{level}{word}", key, (parsed.command.rank, ""), args=args))
    return ""


def enable(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Keep what ``enable`` asks for."""
    word = parsed.words[1]
    key = f"enable {word}"
    if negated:
        cfg.top.drop(key)
    else:
        kept = _kept(parsed)
        args = {"kept": kept}
        cfg.top.put(Node(f"{key} {kept}", key, (parsed.command.rank, ""), args=args))
    return ""


def interface(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Go to an interface; only those that aren't hardware can be made and removed."""
    name = parsed.get("name") or parsed.get("kind") + parsed.get("unit")
    key = f"interface {name}"
    virtual = name.startswith(parameters.VIRTUAL) or "." in name
    if negated:
        if not virtual:
            raise Refused("% Removal of physical interfaces is not permitted")
        cfg.top.drop(key)
        return ""
    if cfg.top.child(key) is None and not virtual and not cfg.factory:
        raise Rejected(len("interface "))
    mode = "config-subif" if "." in name else "config-if"
    node = Node(key, key, (parsed.command.rank, ""), mode, args={"name": name})
    cfg.enter(cfg.top.put(node))
    return ""


def access_group(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Apply an access list; there is one per direction."""
    key = f"ip access-group {parsed.words[-1]}"
    if negated:
        cfg.section.drop(key)
    else:
        args = {"name": parsed.words[2], "direction": parsed.words[3]}
        cfg.section.put(Node(parsed.text, key, (parsed.command.rank, ""), args=args))
    return ""


def domain_name(cfg: Configuring, parsed: Parsed[Rule], negated: bool) -> str:  # noqa: FBT001
    """Keep the domain, in the one form that is printed."""
    text = f"ip domain name {parsed.get('name')}"
    if negated:
        cfg.top.drop("ip domain name")
    else:
        args = {"name": parsed.get("name")}
        cfg.top.put(Node(text, "ip domain name", (parsed.command.rank, ""), args=args))
    return ""


RULES = (
    Rule(f"enable {{secret|password}} {_SECRET}", 55, apply=enable),
    Rule("enable {secret|password}", 55, apply=enable),
    Rule(
        f"username name=WORD [privilege privilege=<0-15>] {{secret|password}} {_SECRET}",
        120,
        least=2,
        apply=username,
    ),
    Rule("username name=WORD [privilege privilege=<0-15>]", 120, least=2, apply=username),
)
