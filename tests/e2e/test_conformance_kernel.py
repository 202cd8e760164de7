"""The conformance cases against the real kernel: each packet delivered to the host, or not."""

import os
import time

import pytest

from tests.fixtures.conformance import cases
from tests.fixtures.gate import Gate

pytestmark = pytest.mark.lab

CASES = cases()


@pytest.fixture(scope="module")
def gate():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    made = Gate()
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_kernel_does_what_the_documentation_says(gate, case):
    gate.load(case)
    begun, found = time.monotonic(), []
    for sent in case.packets:
        time.sleep(max(0.0, begun + sent.at - time.monotonic()))
        found.append("accept" if gate.delivered(sent.packet) else "refuse")
    assert found == [sent.verdict for sent in case.packets], case.fact
