"""Does `aol audit verify` find whole what a real broker writes, while it writes?"""

import json
from collections.abc import Callable

import pytest
from typer.testing import Result

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("applied")]

Aol = Callable[..., Result]


def test_the_records_of_a_running_broker_are_whole(aol: Aol) -> None:
    before = json.loads(aol("audit", "verify", "--json").stdout)
    aol("query", "cli-owner.tickets", "--as", "cli-verified", code=3)
    after = json.loads(aol("audit", "verify", "--json").stdout)
    assert before["whole"]
    assert after["damages"] == []
    assert after["last_seq"] > before["last_seq"] > 0
    assert len(after["brokers"]) == 1
