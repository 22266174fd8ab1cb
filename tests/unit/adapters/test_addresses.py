"""Do the programs of the adapters that have a server say how they are started, without showing what they were given?"""

from collections.abc import Callable
from pathlib import Path

import pytest

from aol_adapters.kit.addresses import read_address
from aol_adapters.kit.serve import EXIT_USAGE
from aol_adapters.mongodb.__main__ import main as mongodb
from aol_adapters.postgres.__main__ import main as postgres

SECRET = "the-secret-of-all"
PROGRAMS = {
    "postgres": (postgres, "AOL_POSTGRES_DSN", "AOL_POSTGRES_PASSWORD_FILE", "postgresql"),
    "mongodb": (mongodb, "AOL_MONGODB_URI", "AOL_MONGODB_PASSWORD_FILE", "mongodb"),
}
programs = pytest.mark.parametrize(
    ("main", "variable", "password_variable", "scheme"), PROGRAMS.values(), ids=PROGRAMS.keys()
)


@programs
@pytest.mark.parametrize("uri", ["", f"http://aol:{SECRET}@localhost/"], ids=["none", "of another kind"])
def test_without_an_address_a_program_says_which_variable_to_set(
    main: Callable[[list[str]], int],
    variable: str,
    password_variable: str,
    scheme: str,
    uri: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, uri)
    assert main([]) == EXIT_USAGE
    said = capsys.readouterr().err
    assert variable in said
    assert password_variable in said
    assert f"{scheme}://" in said
    assert SECRET not in said


@programs
@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_a_password_file_that_cannot_be_read_is_told(
    main: Callable[[list[str]], int],
    variable: str,
    password_variable: str,
    scheme: str,
    content: bytes | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv(variable, f"{scheme}://aol:{SECRET}@localhost/")
    monkeypatch.setenv(password_variable, str(file))
    assert main([]) == EXIT_USAGE
    said = capsys.readouterr().err
    assert password_variable in said
    assert SECRET not in said


def test_the_password_is_what_the_file_holds_without_its_line_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text(f" {SECRET} \r\n")
    monkeypatch.setenv("WHERE", "db://localhost")
    monkeypatch.setenv("PASSWORD_FILE", str(file))
    found = read_address("WHERE", "PASSWORD_FILE", example="db://x", schemes=("db://",))
    assert (found.uri, found.password) == ("db://localhost", f" {SECRET} ")
    assert SECRET not in repr(found)
    monkeypatch.delenv("PASSWORD_FILE")
    assert read_address("WHERE", "PASSWORD_FILE", example="db://x", schemes=("db://",)).password is None


@programs
def test_a_number_that_is_none_is_refused(
    main: Callable[[list[str]], int],
    variable: str,
    password_variable: str,
    scheme: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in ("0", "-1", "x"):
        with pytest.raises(SystemExit) as caught:
            main(["--pool-size", number])
        assert caught.value.code == EXIT_USAGE
        assert "--pool-size" in capsys.readouterr().err
