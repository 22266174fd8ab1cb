"""Where is the operator's token looked for, and what is said when it is no good?"""

from pathlib import Path

import pytest

from aol_cli.exits import ExitCode, Failure
from aol_cli.operator_token import find_token, require_token

TOKEN = "the-token-of-an-operator"


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AOL_OPERATOR_TOKEN", raising=False)


def test_a_file_that_is_named_comes_before_the_variable_and_that_before_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "named"
    named.write_text("named-token\n")
    (tmp_path / "operator.token").write_text("folder-token\n")
    assert require_token(None, tmp_path) == "folder-token"
    monkeypatch.setenv("AOL_OPERATOR_TOKEN", "variable-token")
    assert require_token(None, tmp_path) == "variable-token"
    assert require_token(named, tmp_path) == "named-token"


def test_an_empty_variable_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOL_OPERATOR_TOKEN", " ")
    assert find_token(None, tmp_path) is None


def test_without_a_token_the_message_names_every_way_to_give_one(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"AOL_OPERATOR_TOKEN.*--token-file.*--data-dir") as failed:
        require_token(None, tmp_path)
    assert failed.value.code is ExitCode.DENIED


def test_a_named_file_that_is_missing_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "operator.token").write_text(TOKEN)
    with pytest.raises(Failure, match="no-such-file"):
        find_token(tmp_path / "no-such-file", tmp_path)


def test_a_token_that_cannot_be_read_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "operator.token").mkdir()
    with pytest.raises(Failure, match=r"cannot be read from .*operator\.token") as failed:
        find_token(None, tmp_path)
    assert failed.value.code is ExitCode.DENIED


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"\xff\xfe\x00", "schlüssel".encode(), b"a\x00b"])
def test_what_is_no_token_is_refused_and_not_repeated(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(Failure, match="holds no operator's token") as failed:
        find_token(file, tmp_path)
    assert "lines" not in failed.value.message
    assert "schl" not in failed.value.message
