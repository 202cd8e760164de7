"""Native nftables rules as people write them, from what ``nft -j`` prints of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def text_of(rule: Mapping[str, Any]) -> str:
    """Print a rule without its handle and counters."""
    words = [_statement(one) for one in rule["expr"]]
    return " ".join(word for word in words if word)


def _statement(statement: Mapping[str, Any]) -> str:
    ((kind, what),) = statement.items()
    if kind == "match":
        op = "" if what["op"] in ("==", "in") else f"{what['op']} "
        return f"{_value(what['left'])} {op}{_value(what['right'])}"
    if kind in ("jump", "goto"):
        return f"{kind} {what['target']}"
    if kind == "counter":
        return ""
    if kind == "vmap":
        return f"{_value(what['key'])} vmap {_value(what['data'])}"
    if kind == "mangle":
        return f"{_value(what['key'])} set {_value(what['value'])}"
    if kind == "reject" and what is not None and what.get("type", "icmpx") != "icmpx":
        # Only some packets can be sent it.
        kind, what = f"reject with {what['type']}", None
    return kind if what is None or kind in ("log", "reject") else f"{kind} {_plain(what)}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, what),) = value.items()
        if kind in _FORMS:
            try:
                return _FORMS[kind](what)
            except (KeyError, TypeError, ValueError):
                return _plain(value)
    if isinstance(value, list):
        return ",".join(_value(one) for one in value)
    return str(value) if isinstance(value, (str, int)) else _plain(value)


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _member(value: Any) -> str:
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], Mapping):
        return f"{_value(value[0])} : {_statement(value[1])}"
    return _value(value)


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "payload": lambda what: f"{what['protocol']} {what['field']}",
    "meta": lambda what: _meta(what["key"]),
    "ct": lambda what: f"ct {what['key']}",
    "prefix": lambda what: f"{what['addr']}/{what['len']}",
    "range": lambda what: f"{_value(what[0])}-{_value(what[1])}",
    "set": lambda what: "{ " + ", ".join(_member(one) for one in what) + " }",
    "&": lambda what: f"{_value(what[0])} & {_value(what[1])}",
    "|": lambda what: " | ".join(_value(one) for one in what),
    "concat": lambda what: " . ".join(_value(one) for one in what),
}


def _meta(key: str) -> str:
    return key if key.startswith("iif") else f"meta {key}"
