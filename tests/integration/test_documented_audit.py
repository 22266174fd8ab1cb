"""Does what the documentation says of verifying audit records work as it stands: the command, and by hand?"""

import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aol_broker.settings import load_settings
from aol_cli.app import app
from audit_folders import AuditFolder, lines_of

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text()


def blocks(heading: str, language: str) -> list[str]:
    """The code blocks of a language under a heading."""
    text = DOCUMENT.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AuditFolder:
    """A folder with a closed segment, its key and an anchor where the documentation has them."""
    folder = AuditFolder(tmp_path / ".aol" / "audit", keys=tmp_path / "kept")
    folder.add(4)
    folder.rotate()
    folder.add(2)
    (tmp_path / "kept" / "anchor.jsonl").write_bytes(folder.checkpoint())
    monkeypatch.chdir(tmp_path)
    return folder


def test_the_documented_commands_verify_a_folder(folder: AuditFolder) -> None:
    for command in blocks("Verifying", "console")[0].splitlines():
        program, *arguments = command.split()
        assert program == "aol"
        result = CliRunner().invoke(app, arguments)
        assert (result.exit_code, ": whole" in result.stdout) == (0, True), result.output


@pytest.mark.skipif(
    not all(shutil.which(program) for program in ("openssl", "basenc", "sha256sum")), reason="a tool is missing"
)
def test_the_documented_way_to_verify_by_hand_finds_what_is_whole_and_what_is_not(folder: AuditFolder) -> None:
    script = "\n".join(blocks("Verifying", "sh"))

    def by_hand() -> list[str]:
        ran = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, cwd=Path.cwd())
        return ran.stdout.splitlines()

    path = folder.directory / "audit-0000000000000001.jsonl"
    digest = json.loads(lines_of(path)[1])["hash"]
    found = by_hand()
    assert found == [f"{digest}  -", f'"hash":"{digest}"}}', f'"prev":"{digest}"', "Signature Verified Successfully"]
    assert (
        Path("checkpoint").read_bytes()
        == json.dumps(json.loads(lines_of(path)[-1])["checkpoint"], separators=(",", ":")).encode()
    )
    path.write_bytes(path.read_bytes().replace(b'"result_count":1', b'"result_count":2').replace(b":4,", b":5,"))
    changed = by_hand()
    assert changed[0] != found[0]
    assert changed[-1] == "Signature Verification Failure"


def test_a_hash_is_that_of_the_line_without_it(folder: AuditFolder) -> None:
    line = lines_of(folder.path)[0].rstrip(b"\n")
    body, _, digest = line.rpartition(b',"hash":"')
    assert sha256(body + b"}").hexdigest().encode() + b'"}' == digest


def test_the_documented_anchor_is_one_that_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "broker.yaml"
    file.write_text(blocks("Anchors", "yaml")[0])
    anchor = load_settings(file).audit.anchor
    assert (anchor.file, anchor.every_s) == (Path("/mnt/elsewhere/anchor.jsonl"), 60)
