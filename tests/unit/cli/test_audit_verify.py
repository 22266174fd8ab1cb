"""Does `aol audit verify` say what is wrong with a folder, without a broker, and end with the right code?"""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aol_broker.audit.files import file_name
from aol_cli.app import app
from audit_folders import AuditFolder

SECOND = file_name(5)


@pytest.fixture
def folder(tmp_path: Path) -> AuditFolder:
    """Records 1 to 4 in a closed segment, 5 to 7 in the open one."""
    folder = AuditFolder(tmp_path / "audit", keys=tmp_path)
    folder.add(4)
    folder.rotate()
    folder.add(3)
    (tmp_path / "anchor.jsonl").write_bytes(folder.checkpoint())
    return folder


def verify(*arguments: object, code: int = 0, **environment: str) -> Result:
    result = CliRunner().invoke(app, ["audit", "verify", *map(str, arguments)], env=environment, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def options(folder: AuditFolder) -> list[object]:
    return ["--public-key", folder.public_key, "--anchor", folder.directory.parent / "anchor.jsonl"]


def as_json(*arguments: object, code: int = 0) -> dict[str, Any]:
    result = verify(*arguments, "--json", code=code)
    assert result.stderr == ""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_whole_folder_is_exit_code_0_and_a_short_summary(folder: AuditFolder) -> None:
    result = verify(folder.directory, *options(folder))
    size = sum(path.stat().st_size for path in folder.directory.glob("*.jsonl"))
    assert result.stdout.splitlines() == [
        f"{folder.directory}: whole",
        f"  records    7, 1 to 7, in 2 segments, {size:,} bytes",
        "  broker     here-1",
        f"  signed     up to record 7, with the key {folder.key.key_id}, given",
        "  anchors    1 agree, the newest about record 7",
    ]
    assert result.stderr == ""


def test_what_could_not_be_checked_is_said(folder: AuditFolder) -> None:
    shown = verify(folder.directory).stdout
    assert "Not checked:\n  - Who wrote the records: the key is audit-public-key.pem of the folder itself" in shown
    assert "  - Whether records were cut off at the end: no anchor was given (--anchor)" in shown
    assert "  anchors    none\n" in shown


@pytest.mark.parametrize("where", ["option", "environment", "argument"])
def test_the_folder_is_that_of_the_data_folder_or_the_one_named(folder: AuditFolder, where: str) -> None:
    data_dir = folder.directory.parent
    match where:
        case "option":
            verify("--data-dir", data_dir)
        case "environment":
            verify(AOL_DATA_DIR=str(data_dir))
        case _:
            verify(folder.directory, AOL_DATA_DIR="nowhere")


def test_damage_is_exit_code_1_and_the_first_bad_record(folder: AuditFolder) -> None:
    path = folder.directory / SECOND
    path.write_bytes(path.read_bytes().replace(b'"result_count":1', b'"result_count":2'))
    lines = verify(folder.directory, *options(folder), code=1).stdout.splitlines()
    assert lines[:4] == [
        f"{folder.directory}: DAMAGED",
        f"  first bad  {SECOND}, line 1 (byte 0), record 5:",
        "             the record was changed: its hash is not that of what it says",
        "  also       2 more places:",
    ]


def test_json_is_one_object_with_what_was_found(folder: AuditFolder) -> None:
    found = as_json(folder.directory, *options(folder))
    assert (found["whole"], found["records"], found["vouched_seq"], found["keys_given"]) == (True, 7, 7, True)
    assert (found["damages"], found["unchecked"], found["directory"]) == ([], [], str(folder.directory))
    (folder.directory / SECOND).unlink()
    found = as_json(folder.directory, *options(folder), code=1)
    assert found["damages"][0]["kind"] == "missing"
    assert (found["damages"][0]["seq"], found["damage_count"]) == (5, 1)


def test_names_that_are_no_text_are_shown_all_the_same(folder: AuditFolder) -> None:
    odd = folder.directory.rename(os.fsdecode(bytes(folder.directory.parent) + b"/\xff\xfe"))
    anchor = folder.directory.parent / os.fsdecode(b"anchor-\xff")
    anchor.write_bytes(b"")
    assert as_json(odd, "--anchor", anchor)["directory"].endswith("/\ufffd\ufffd")
    verify(odd, "--anchor", anchor)
    assert "cannot be read" in verify(os.fsdecode(b"nowhere-\xff"), code=2).stderr


def test_another_key_is_damage_and_several_may_be_given(folder: AuditFolder, tmp_path: Path) -> None:
    other = AuditFolder(tmp_path / "other", keys=tmp_path / "other-keys")
    assert "is not signed with the key" in verify(folder.directory, "--public-key", other.public_key, code=1).stdout
    verify(folder.directory, "--public-key", other.public_key, "--public-key", folder.public_key)


def test_what_cannot_be_read_is_exit_code_2_with_a_message(folder: AuditFolder, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(bytes(range(256)))
    for arguments, says in (
        ([tmp_path / "nowhere"], "nowhere cannot be read: No such file or directory."),
        ([garbage], "garbage cannot be read: Not a directory."),
        ([tmp_path], f"Did you mean {folder.directory}?"),
        ([folder.directory, "--public-key", garbage], "holds no public Ed25519 key"),
        ([folder.directory, "--public-key", tmp_path], "cannot be read: Is a directory."),
        ([folder.directory, "--anchor", tmp_path / "nowhere"], "cannot be read: No such file or directory."),
        ([folder.directory, "--anchor", tmp_path], "cannot be read: Is a directory."),
    ):
        result = verify(*arguments, code=2)
        assert (result.stdout, says in result.stderr) == ("", True), result.stderr
        assert "Traceback" not in result.stderr


def test_progress_is_shown_on_a_terminal_and_the_answer_stays_clean(folder: AuditFolder) -> None:
    reader, writer = pty.openpty()
    command = [sys.executable, "-m", "aol_cli", "audit", "verify", str(folder.directory), *map(str, options(folder))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writer, env={**os.environ, "TERM": "xterm"})
    os.close(writer)
    with process:
        stdout, _ = process.communicate(timeout=60)
    shown = os.read(reader, 65536)
    os.close(reader)
    assert process.returncode == 0
    assert b"\x1b[" in shown
    assert b"bytes" in shown
    assert stdout.startswith(f"{folder.directory}: whole\n".encode())
    assert b"\x1b" not in stdout
