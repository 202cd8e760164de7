"""The picture can be read: no line runs through words or states, and no words through others."""

import re
from dataclasses import replace
from itertools import combinations
from math import hypot
from xml.etree import ElementTree as ET

import pytest

from knockctl.graph.drawing import svg
from knockctl.graph.graph import graph
from knockctl.policy.loader import load_all, resolve
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.ports import Span
from tests.fixtures.lab import INVENTORY, ROOT

SVG = "{http://www.w3.org/2000/svg}"
EM = 0.6  # a letter's width: DejaVu Sans, the widest of the usual fonts
SEEDS = {
    name: resolve(one, None)
    for folder in (INVENTORY, INVENTORY.parent / "example")
    for name, one in load_all(folder / "policies").items()
    if name != "edge-vpn"  # its sequence is a secret reference; five_secret below stands for it
}
DOCUMENTED = re.findall(
    r"```yaml\n(name: .*?)```", (ROOT / "docs" / "policies.md").read_text(), re.DOTALL
)
PORTS = (7481, 29154, 11870, 52033, 38607)
FIVE = ResolvedPolicy(
    name="five",
    generations=(Generation(1, tuple(Knock("tcp", port) for port in PORTS)),),
    step_timeout=60,
    services=(Span("tcp", 443, 443), Span("udp", 443, 443), Span("udp", 4501, 4501)),
    grant_duration=86400,
    uses="single",
    stray="lockout",
    wrong_knock="lockout",
    lockout=3600,
    traps=(
        ResolvedTrap((Span("tcp", 52100, 60000),), 60000, unless_granted=True),
        ResolvedTrap((Span("tcp", 53000, 53100),), 3600 * 24, unless_granted=False),
        ResolvedTrap((Span("tcp", 443, 443), Span("udp", 23, 23)), 60, unless_granted=False),
    ),
)
THREE = Generation(2, tuple(Knock("udp", port, b"word") for port in PORTS[:3]))
ONE = Generation(3, (Knock("udp", 9, b"word"),))
POLICIES = {
    **SEEDS,
    "five": FIVE,
    "five_secret": replace(
        FIVE,
        generations=(Generation(1, tuple(Knock("tcp", p, secret=True) for p in PORTS)),),
    ),
    "five_revoked": replace(FIVE, stray="revoke", wrong_knock="reset", traps=()),
    "rotating": replace(FIVE, generations=(*FIVE.generations, THREE)),
    "rotating_back": replace(FIVE, generations=(THREE, *FIVE.generations)),
    "rotating_from_one": replace(FIVE, generations=(ONE, THREE), uses="unlimited"),
    "rotating_seed": replace(
        SEEDS["branch-admin"], generations=(*SEEDS["branch-admin"].generations, THREE)
    ),
    "one": replace(FIVE, generations=(ONE,)),
}


class Drawing:
    """The lines, states and words of an SVG document, in points."""

    def __init__(self, text):
        root = ET.fromstring(text)
        left, top, wide, high = map(float, root.attrib["viewBox"].split())
        self.frame = (left, top, left + wide, top + high)
        self.lines = [line for path in root.iter(SVG + "path") for line in lines(path)]
        circles = [
            tuple(float(circle.attrib[key]) for key in ("cx", "cy", "r"))
            for circle in root.iter(SVG + "circle")
        ]
        self.states = [circle for circle in circles if circle[2] > 5]
        self.joints = [circle for circle in circles if circle[2] <= 5]
        self.words = {box(text): " ".join(text.itertext()) for text in root.iter(SVG + "text")}


def lines(path):
    kinds = "".join(re.findall("[A-Za-z]", path.attrib["d"]))
    assert re.fullmatch("ML+Z?", kinds), "only straight lines"
    numbers = [float(n) for n in re.findall(r"-?[0-9.]+(?:e-?[0-9]+)?", path.attrib["d"])]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    return zip(points, points[1:], strict=False)


def box(text):
    size = float(text.attrib["font-size"])
    spans = ["".join(span.itertext()) for span in text.iter(SVG + "tspan")]
    wide = max(map(len, spans)) * size * EM
    x, y = float(text.attrib["x"]), float(text.attrib["y"])
    left = x - wide / 2 if text.attrib["text-anchor"] == "middle" else x
    # The first line's middle is one size below y, and each further line one size below that.
    assert text.attrib["dominant-baseline"] == "central"
    return left, y + size * 0.4, left + wide, y + size * (len(spans) + 0.6)


def crosses(line, room):
    """Tell whether a straight line passes through a box: Liang and Barsky's clipping."""
    (ax, ay), (bx, by) = line
    left, top, right, bottom = room
    enter, leave = 0.0, 1.0
    for step, low, high in ((bx - ax, left - ax, right - ax), (by - ay, top - ay, bottom - ay)):
        if abs(step) < 1e-9:
            if not low < 0 < high:
                return False
            continue
        near, far = sorted((low / step, high / step))
        enter, leave = max(enter, near), min(leave, far)
    return enter < leave


def beside(circle, room):
    """Tell whether a box is wholly inside or wholly outside a circle."""
    x, y, radius = circle
    left, top, right, bottom = room
    outside = hypot(x - min(max(x, left), right), y - min(max(y, top), bottom)) > radius
    corners = [(cx, cy) for cx in (left, right) for cy in (top, bottom)]
    return outside or all(hypot(cx - x, cy - y) < radius for cx, cy in corners)


def away(circle, line):
    """Tell whether a line stays out of a circle; the drawing's figures are rounded."""
    x, y, radius = circle
    (ax, ay), (bx, by) = line
    length = (bx - ax) ** 2 + (by - ay) ** 2
    part = length and min(max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0), 1)
    return hypot(ax + part * (bx - ax) - x, ay + part * (by - ay) - y) > radius - 0.1


@pytest.fixture(params=POLICIES)
def drawing(request):
    return Drawing(svg(graph(POLICIES[request.param])))


def test_no_line_strikes_words_through(drawing):
    struck = [
        words
        for room, words in drawing.words.items()
        for line in drawing.lines
        if crosses(line, room)
    ]
    assert struck == []


def test_no_words_stand_over_others_or_over_the_edge_of_a_state(drawing):
    for (left, top, right, bottom), other in combinations(drawing.words, 2):
        assert other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
    circles = drawing.states + drawing.joints
    assert [w for r, w in drawing.words.items() if not all(beside(c, r) for c in circles)] == []


def test_no_line_runs_through_a_state(drawing):
    assert [c for c in drawing.states for line in drawing.lines if not away(c, line)] == []
    for (ax, ay, radius), (bx, by, _) in combinations(drawing.states, 2):
        assert hypot(ax - bx, ay - by) > 2 * radius


def test_nothing_stands_outside_the_picture(drawing):
    left, top, right, bottom = drawing.frame
    for room in drawing.words:
        assert left <= room[0] < room[2] <= right
        assert top <= room[1] < room[3] <= bottom
    for line in drawing.lines:
        for x, y in line:
            assert left <= x <= right
            assert top <= y <= bottom


@pytest.mark.parametrize("name", POLICIES)
def test_everything_in_the_graph_is_said(name):
    drawn = graph(POLICIES[name])
    said = {re.sub("[, ]+", " ", words) for words in Drawing(svg(drawn)).words.values()}
    assert said == {re.sub("[, ]+", " ", x.label) for x in (*drawn.nodes, *drawn.edges)}


def test_lines_that_join_are_dotted_and_lines_that_cross_are_not():
    # One for each state but the last on the way back and out, two where those end, one for time.
    assert len(Drawing(svg(graph(POLICIES["globalprotect"]))).joints) == 3 + 3 + 2
    # The traps' wires from the start and two stages cross; what they end in is each joined once.
    assert len(Drawing(svg(graph(POLICIES["router-admin"]))).joints) == 1 + 1 + 3 + 2 + 1


def test_two_sequences_stand_in_two_rows():
    drawing = Drawing(svg(graph(POLICIES["rotating"])))
    rows = {}
    for room, words in drawing.words.items():
        if "(sequence" in words:
            rows.setdefault(words[-2], set()).add(round((room[1] + room[3]) / 2))
    assert set(map(len, rows.values())) == {1}
    assert rows["1"] != rows["2"]


@pytest.mark.parametrize("text", DOCUMENTED)
def test_the_documented_policy_can_be_read(text, tmp_path):
    (tmp_path / "p.yaml").write_text(text)
    drawing = Drawing(svg(graph(resolve(load_all(tmp_path)["branch-ssh"], None))))
    assert not any(crosses(line, room) for line in drawing.lines for room in drawing.words)
