"""The policy as it is written in YAML (design, section 2)."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
)

from knockctl.policy.durations import format_duration, parse_duration
from knockctl.policy.resolved import Network, Otherwise, Refuse, Scope, Stray, Uses, WrongKnock
from knockctl.policy.secrets import is_reference, kind_of, kinds
from knockctl.ports import Span
from knockctl.yamlfile import nearest

LONGEST_SEQUENCE = 20
LONGEST_PAYLOAD = 64
NAME = r"^[a-z][a-z0-9-]{0,19}$"

_REFERENCE_PATTERN = r"^[a-z][a-z0-9+-]*:"
_PORT_PATTERN = r"^(tcp|udp)/[0-9]{1,5}$"
_SPAN_PATTERN = r"^(tcp|udp)/[0-9]{1,5}(-[0-9]{1,5})?$"
_DURATION_PATTERN = r"^[0-9]+[smhd]$"


def _name(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(NAME, value):
        msg = (
            f"{value!r} does not match {NAME}: a lower-case letter, then up to 19 lower-case"
            " letters, digits or hyphens"
        )
        raise ValueError(msg)
    return value


def _span(value: object) -> Span:
    if isinstance(value, Span):
        return value
    if not isinstance(value, str):
        msg = f"{value!r} is not a port; write tcp/22, udp/443 or tcp/21-23"
        raise ValueError(msg)
    return Span.parse(value)


def _port(value: object) -> Span:
    span = _span(value)
    if len(span) != 1:
        msg = f"{str(span)!r} is a range; a knock is one port, such as tcp/{span.first}"
        raise ValueError(msg)
    return span


def _duration(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str):
        msg = f"{value!r} has no unit; write a number and one of s m h d, such as 10s"
        raise ValueError(msg)
    return parse_duration(value)


def _network(value: object) -> Network:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value
    try:
        return ip_network(str(value), strict=True)
    except ValueError as error:
        reason = str(error)
        if "host bits" in reason:
            right = ip_network(str(value), strict=False)
            msg = f"{value!r} has host bits set; write {right}"
        else:
            msg = f"{value!r} is not a network; write 192.0.2.0/24 or 2001:db8::/64"
        raise ValueError(msg) from None


Spans = Annotated[
    Span,
    BeforeValidator(_span),
    PlainSerializer(str),
    WithJsonSchema(
        {"type": "string", "pattern": _SPAN_PATTERN, "examples": ["tcp/22", "tcp/21-23"]}
    ),
]
Port = Annotated[
    Span,
    BeforeValidator(_port),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": _PORT_PATTERN, "examples": ["tcp/1234"]}),
]
Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN, "examples": ["10s", "30m"]}),
]
NetworkField = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["192.0.2.0/24", "2001:db8::/64"]}),
]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class KnockSpec(_Model):
    """One knock: a port, and for UDP perhaps a passphrase inside the datagram."""

    port: Port
    payload: Annotated[str, Field(min_length=1, max_length=LONGEST_PAYLOAD)] | None = Field(
        default=None, repr=False, description="A passphrase, or better a reference to one."
    )


def _knock(value: object) -> object:
    # Numbers, too: "1003 is not a port" says more than that it is no mapping.
    return {"port": value} if isinstance(value, (str, int, Span)) else value


def _sequence(value: object) -> Any:
    if isinstance(value, str):
        if is_reference(value):
            return value
        kind = kind_of(value)
        if kind:
            msg = f"unknown kind of secret {kind!r}{nearest(kind, kinds())}"
            raise ValueError(msg)
        msg = (
            f"{value!r} is neither a list of knocks nor a secret reference;"
            " write [tcp/1234, tcp/2345] or env:NAME"
        )
        raise ValueError(msg)
    if isinstance(value, (list, tuple)):
        return tuple(_knock(item) for item in value)
    return value


KnockField = Annotated[
    KnockSpec,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _PORT_PATTERN},
                {
                    "type": "object",
                    "properties": {
                        "port": {"type": "string", "pattern": _PORT_PATTERN},
                        "payload": {"type": "string", "minLength": 1, "maxLength": LONGEST_PAYLOAD},
                    },
                    "required": ["port"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
_Knocks = Annotated[tuple[KnockField, ...], Field(min_length=1, max_length=LONGEST_SEQUENCE)]
Sequence = Annotated[
    Annotated[
        str, WithJsonSchema({"type": "string", "pattern": _REFERENCE_PATTERN}), Tag("reference")
    ]
    | Annotated[_Knocks, Tag("knocks")],
    Discriminator(lambda value: "reference" if isinstance(value, str) else "knocks"),
    BeforeValidator(_sequence),
]


class Grant(_Model):
    """What a completed sequence opens, for how long, and what a granted source may do."""

    services: Annotated[tuple[Spans, ...], Field(min_length=1)]
    duration: Duration
    uses: Uses = "unlimited"
    stray: Stray = "ignore"


class Lockout(_Model):
    """For how long a wrong knock or a stray locks out, and from what."""

    duration: Duration = Field(default=3600, json_schema_extra={"default": "1h"})
    scope: Scope = "all"


class Trap(_Model):
    """Ports no honest client touches."""

    services: Annotated[tuple[Spans, ...], Field(min_length=1)]
    lockout: Duration
    unless_granted: bool = False


class Policy(_Model):
    """A knock policy, as in its file."""

    name: Annotated[
        str,
        Field(pattern=NAME, description="Becomes part of names on devices."),
        BeforeValidator(_name),
    ]
    description: str = ""
    sequence: Sequence
    previous: Sequence | None = Field(
        default=None, description="The sequence before a rotation; it counts as well."
    )
    step_timeout: Duration
    grant: Grant
    wrong_knock: WrongKnock = "reset"
    lockout: Lockout | None = None
    traps: tuple[Trap, ...] = ()
    public: tuple[Spans, ...] = ()
    trusted: tuple[NetworkField, ...] = ()
    otherwise: Otherwise = "pass"
    refuse: Refuse = "drop"
    log: bool = True
