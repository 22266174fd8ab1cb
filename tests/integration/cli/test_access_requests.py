"""Does `aol requests` list what waits for its owner, and does the command that it names agree?"""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

pytestmark = pytest.mark.integration

Aol = Callable[..., Result]
OWNER = "metadata: {name: req-owner}\nspec: {dataRequirements: {collections: [{name: things}]}}\n"
ASKER = """\
metadata: {name: req-asker}
spec:
  dataRequirements:
    accessRequests: [{collection: req-owner.things, permission: write, reason: To add some}]
"""


def test_a_request_waits_until_the_command_that_it_names_is_run(aol: Aol, tmp_path: Path) -> None:
    for name, text in (("req-owner", OWNER), ("req-asker", ASKER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.yaml").write_text(text)
    aol("apply", str(tmp_path))
    [item] = [json.loads(line) for line in aol("requests", "--service", "req-owner", "--json").stdout.splitlines()]
    assert (item["collection"], item["service"], item["permission"]) == ("req-owner.things", "req-asker", "write")
    assert (item["reason"], bool(item["created_at"])) == ("To add some", True)
    assert aol("requests", "--service", "req-asker", "--json").stdout == ""
    assert f"To agree: {item['command']}\n" in aol("requests", "--collection", "req-owner.things").stdout
    _, *agreeing = shlex.split(item["command"])
    aol(*agreeing)
    assert aol("requests", "--service", "req-owner").stdout == "No requests wait.\n"
