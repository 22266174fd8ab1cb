"""docs/identity.md: a broker takes its configuration, and its commands and its client work as they stand."""

import hashlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aol_broker.identities.token_text import PATTERN, is_whole
from aol_broker.settings import load_settings
from integration.test_documented_commands import ENDPOINT, README, ROOT, Workplace, blocks, commands, manifest_in

pytestmark = pytest.mark.integration

IDENTITY = (ROOT / "docs" / "identity.md").read_text()


def test_its_configuration_is_one_that_a_broker_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [text] = blocks(IDENTITY, "yaml")
    (tmp_path / "broker.yaml").write_text(text)
    verifiers = load_settings(tmp_path / "broker.yaml").authentication.verifiers
    assert [verifier.type for verifier in verifiers] == ["mtls", "jwt", "token"]
    [snippet] = re.findall(r'`(service: "system:[^`]*)`', IDENTITY)
    indented = f"{text}".replace("      audience:", f"      {snippet}\n      audience:")
    (tmp_path / "broker.yaml").write_text(indented)
    assert load_settings(tmp_path / "broker.yaml")


def test_its_commands_and_its_client_work_as_they_stand(tmp_path: Path) -> None:
    create, list_, revoke = commands(IDENTITY)
    assert (list_, revoke) == ("aol token list", "aol token revoke 0123456789abcdef")
    create, _, file = create.partition(" > ")
    manifest_in(tmp_path, blocks(README, "yaml")[0], "greeter")
    workplace = Workplace(tmp_path, "aol up")
    try:
        (tmp_path / file).write_text(workplace.run(create))
        token = (tmp_path / file).read_text().strip()
        assert is_whole(token)
        assert PATTERN.pattern in IDENTITY
        # The id is how the hash begins, as the documentation has it computed.
        id_ = hashlib.sha256(token.encode()).hexdigest()[:16]
        assert id_ in workplace.run(list_)
        [client] = blocks(IDENTITY, "python")
        program = client.replace("localhost:50051", ENDPOINT) + (
            "\nimport asyncio\nprint(asyncio.run(client.count('greetings')))\n"
        )
        workplace.program("client.py", program)
        assert workplace.run("python client.py") == "0\n"
        assert id_ in workplace.run(revoke.replace("0123456789abcdef", id_))
        refused = subprocess.run(
            [sys.executable, "client.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert "BAD_CREDENTIALS" in refused.stderr
        assert token not in refused.stderr
    finally:
        workplace.stop()


def test_its_way_to_a_token_s_id_is_right(tmp_path: Path) -> None:
    [line] = re.findall(r"`(printf [^`]*)`", IDENTITY)
    said = subprocess.run(["sh", "-c", f"TOKEN=x; {line}"], capture_output=True, text=True, check=True).stdout
    assert said.strip() == hashlib.sha256(b"x").hexdigest()[:16]
    assert shlex.split(line)[0] == "printf"
