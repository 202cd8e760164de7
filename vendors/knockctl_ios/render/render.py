"""Policies to access lists, classes and applets: the reference automaton in the words of IOS.

In the interface's access list, between ``remark knockctl begin P`` and ``… end P``::

    management       permitted before everything else
    trusted          permitted to the services
    established      segments of TCP services with ACK or RST: an access list knows no flows
    dynamic kc-P     where the entries of those who are in stand
    services         denied
    knocks           copp: permitted, and dropped by the control plane; acl-log: denied; logged
    rest             with ``otherwise: refuse``: denied but for public ports

A knock's log line starts an applet (``applets.py``); with ``order: correlated`` one of each knock
does (``correlation.py``); with ``order: tcl`` it starts the one script (``script.py``), as do lines
of other refused packets, where they matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from knockctl.contract import Facts, Rendered
from knockctl.errors import PolicyError
from knockctl.policy.durations import format_duration
from knockctl.policy.resolved import ResolvedPolicy
from knockctl_ios.config.records import BEGIN, END, OWN_NAME, Insert, IosConfig, Position
from knockctl_ios.config.syntax import Line
from knockctl_ios.placement import Before, IosPlacement, Username
from knockctl_ios.render.applets import applets
from knockctl_ios.render.correlation import NEEDS, correlated, tellable
from knockctl_ios.render.entries import TCP, UDP, but, chosen, entry, host, knock, sources
from knockctl_ios.render.fidelity import notes, relaxed
from knockctl_ios.render.names import LIST, PolicyNames
from knockctl_ios.render.script import locks, registration, script, trapped, watches
from knockctl_ios.render.times import LONGEST, fit, fit_correlated, fit_script

_FITS = {"staged": fit, "correlated": fit_correlated, "tcl": fit_script}
LOG, COPP = f"{OWN_NAME}log", f"{OWN_NAME}copp"


def render(
    policies: Sequence[ResolvedPolicy], placement: IosPlacement, facts: Facts | None = None
) -> Rendered[IosConfig]:
    """Compile a policy; the placement says for which kind of router."""
    del facts
    if not policies:
        return Rendered(IosConfig(), ())
    _possible(policies, placement)
    (stated,) = policies
    scripted = placement.order == "tcl"
    names = PolicyNames(_FITS[placement.order](stated), placement)
    _reached(stated, names)
    _in_time(stated, names)
    config = IosConfig(
        tuple(_objects(names)),
        tuple(_inserts(names)),
        bound=((placement.interface, names.access_list),),
        needs=_needs(placement),
        files=(script(names),) if scripted else (),
        place=tuple(_places(placement)),
    )
    found = tuple(notes(stated, names.policy, placement))
    return Rendered(config, (names.policy,), found, (relaxed(names.policy, placement),))


def _possible(policies: Sequence[ResolvedPolicy], place: IosPlacement) -> None:
    if len(policies) > 1:
        raise PolicyError(
            f"{policies[1].name}: IOS honours one dynamic list in an access list, and that of"
            f" {place.interface} is {policies[0].name}'s: one policy's grants fit on a router",
            hint="leave one policy in the device's policies, or join both into one",
        )
    if place.order == "correlated":
        tellable(policies[0])


def _reached(stated: ResolvedPolicy, names: PolicyNames) -> None:
    """Refuse what the control plane would drop, knock or not, though it should come through."""
    management = names.place.management
    if names.place.method != "copp":
        return
    for span, secret in names.ports:
        said = "a knock" if secret else f"the knock {span}"
        if any(span.overlaps(service) for service in names.policy.services):
            raise PolicyError(
                f"{stated.name}: {said} is a service, too: with method: copp the control plane"
                " drops its packets even of who is in",
                hint="choose another port for the knock, or method: acl-log",
            )
        if management and span.holds("tcp", management.port):
            raise PolicyError(
                f"{stated.name}: {said} is the management port, too: with method: copp the"
                " control plane drops its packets even of who manages the router",
                hint="choose another port for the knock, or method: acl-log",
            )


def _in_time(stated: ResolvedPolicy, names: PolicyNames) -> None:
    """Refuse a policy whose next knock would be late before the last one shows."""
    policy, delay = names.policy, names.place.log_delay
    several = any(len(generation.knocks) > 1 for generation in policy.generations)
    if policy.step_timeout <= delay and several:
        raise PolicyError(
            f"{stated.name}: step_timeout is {format_duration(policy.step_timeout)} on IOS, but "
            f"a knock may take {delay} s to show: nobody could knock in time",
            hint="give step_timeout more time, or measure the router and lower log_delay",
        )


def _needs(place: IosPlacement) -> tuple[str, ...]:
    found = [NEEDS] if place.order == "correlated" else []
    if isinstance(place.authorization, Username):
        found.append(f"event manager session cli username {place.authorization.username}")
    return tuple(found)


def _places(place: IosPlacement) -> Iterator[tuple[str, Position]]:
    if place.access_list:
        at = place.position
        yield f"{LIST} {place.access_list}", at.before if isinstance(at, Before) else at
    if place.method == "copp" and place.policy_map:
        yield f"policy-map {place.policy_map}", "first"


# --- what is ours whole -------------------------------------------------------------------------


def _objects(names: PolicyNames) -> Iterator[Line]:
    policy, place = names.policy, names.place
    if len(policy.services) > 1:
        members = [Line(f"{s.protocol}{chosen(s)}") for s in policy.services]
        yield Line(f"object-group service {names.services}", tuple(members))
    if place.access_list is None:
        whole = [*_entries(names), "permit ip any any"]
        yield Line(f"{LIST} {names.access_list}", tuple(map(Line, whole)))
    # One minute more than an entry's own time, so that it ends whichever of them is idle time.
    yield from (memory.line(names.step + 1) for memory in names.all_memories)
    if place.method == "copp":
        yield from _classes(names)
    if place.order == "tcl":
        yield registration(names)
        if locks(policy):
            # Never another line, whatever the policy: who is locked out stays so.
            yield names.locked.line(LONGEST + 1)
    elif place.order == "correlated":
        yield from correlated(names)
    else:
        yield from applets(names)


def _classes(names: PolicyNames) -> Iterator[Line]:
    """What the control plane drops, and that it logs what it drops (fact sheet 1, 1 and 2)."""
    entries = list(_knocks(names))
    yield Line(f"{LIST} {names.knocks}", tuple(map(Line, entries)))
    matched = Line(f"match access-group name {names.knocks}")
    yield Line(f"class-map match-any {names.knocks}", (matched,))
    if names.place.policy_map is None:
        yield Line(f"policy-map {COPP}", (_dropped(names),))
    # By other interfaces nobody knocks: what comes in there is dropped, but not logged.
    asked = (f"match input-interface {names.place.interface}", "match packets dropped")
    yield Line(f"class-map type logging match-all {LOG}", tuple(map(Line, asked)))
    yield Line(f"policy-map type logging {LOG}", (Line(f"class {LOG}", (Line("log"),)),))


def _dropped(names: PolicyNames) -> Line:
    return Line(f"class {names.knocks}", (Line("drop"),))


# --- our lines inside of what is not ------------------------------------------------------------


def _inserts(names: PolicyNames) -> Iterator[Insert]:
    place = names.place
    if place.access_list is None:
        yield Insert(f"interface {place.interface}", Line(f"ip access-group {OWN_NAME}in in"))
    else:
        parent = f"{LIST} {place.access_list}"
        yield from (Insert(parent, Line(text)) for text in _entries(names))
    if place.method == "copp":
        plane = "control-plane host" if place.control_plane == "host" else "control-plane"
        if place.policy_map:
            yield Insert(f"policy-map {place.policy_map}", _dropped(names))
        else:
            yield Insert(plane, Line(f"service-policy input {COPP}"))
        yield Insert(plane, Line(f"service-policy type logging input {LOG}"))


def _entries(names: PolicyNames) -> tuple[str, ...]:
    """Return our entries; one that is there already is not entered again."""
    return tuple(dict.fromkeys(_listed(names)))


def _listed(names: PolicyNames) -> Iterator[str]:
    policy = names.policy
    tos = [host(address) for address in names.addresses]
    yield f"{BEGIN} {policy.name}"
    for to in tos:
        yield from _exempt(names, to)
        for span in policy.services:
            if span.protocol == TCP:
                yield entry("permit", span, to, options="established")
    yield _opened(names)
    yield from _knocks(names, logged=names.place.method == "acl-log")
    # Ends what a remark said is secret.
    yield f"remark {names.says('closed')}"
    if names.place.order == "tcl":
        yield from (text for to in tos for text in _trapped(names, to))
    yield from (entry("deny", span, to) for to in tos for span in policy.services)
    if policy.otherwise == "refuse":
        heard = names.place.order == "tcl" and watches(policy)
        log = f"log {names.name}" if heard else ""
        yield from (text for to in tos for text in _rest(policy, to, log))
    yield f"{END} {policy.name}"


def _exempt(names: PolicyNames, to: str) -> Iterator[str]:
    """Management, and the services for who is trusted."""
    management = names.place.management
    if management:
        for source in sources(management.sources):
            yield f"permit tcp {source} {to} eq {management.port}"
    for source in sources(names.policy.trusted):
        yield from (entry("permit", s, to, source=source) for s in names.policy.services)


def _opened(names: PolicyNames) -> str:
    """The one dynamic list; an entry of it names source and destination itself."""
    services, tos = names.policy.services, names.addresses
    to = host(tos[0]) if len(tos) == 1 else "any"
    head = f"dynamic {names.name} timeout {names.grant + 1} permit "
    if len(services) > 1:
        return f"{head}object-group {names.services} any {to}"
    return f"{head}{services[0].protocol} any {to}{chosen(services[0])}"


def _knocks(names: PolicyNames, *, logged: bool = False) -> Iterator[str]:
    """Knocks, those that are secret behind a remark that says so: permitted, or denied and logged.

    The tag of a log line tells which applet it is for; a script hears of them all.
    """
    applets_each = names.place.order != "tcl"
    numbered = [(n, span, hidden) for n, (span, hidden) in enumerate(names.ports, start=1)]
    for secret in (False, True):
        ports = [(number, span) for number, span, hidden in numbered if hidden is secret]
        if ports:
            yield f"remark {names.says('knocks', secret=secret)}"
        for to in map(host, names.addresses):
            for number, span in ports:
                tag = f"{names.name}-{number}" if applets_each else names.name
                action, options = ("deny", f"log {tag}") if logged else ("permit", "")
                yield from knock(action, span, to, options)


def _trapped(names: PolicyNames, to: str) -> Iterator[str]:
    """Ports of traps, services first, as they are refused below without a word."""
    for services in (True, False):
        for span in trapped(names.policy, services=services):
            entries = knock("deny", span, to, f"log {names.name}")
            # What is established comes through to services.
            yield from (one for one in entries if not (services and "established" in one))


def _rest(policy: ResolvedPolicy, to: str, log: str = "") -> Iterator[str]:
    """All ports but public ones; knocks and services are decided above."""
    for protocol in (TCP, UDP):
        for span in but(protocol, policy.public):
            if protocol == TCP:
                yield entry("permit", span, to, options="established")
            if log:
                # What is established is decided already.
                yield from (one for one in knock("deny", span, to, log) if "established" not in one)
            else:
                yield entry("deny", span, to)
