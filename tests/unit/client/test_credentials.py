"""Does a client show the token that holds now, and another one once it is refused?"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from aol.data.v1 import data_broker_pb2 as pb
from aol_client import AOLDataClient, ConfigurationError, InvalidRequestError, UnauthenticatedError
from aol_wire.errors import DataError, Reason

if TYPE_CHECKING:
    from unit.client.conftest import ScriptedBroker

REFUSED = DataError(Reason.BAD_CREDENTIALS, "the token has expired")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AOL_TOKEN", "AOL_TOKEN_FILE", "AOL_TLS_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def shown(broker: "ScriptedBroker") -> list[object]:
    """What each call has shown, without the scheme."""
    return [str(call.headers.get("authorization", "Bearer nothing")).removeprefix("Bearer ") for call in broker.calls]


async def test_a_function_is_asked_for_the_token_of_each_call(broker: "ScriptedBroker") -> None:
    tokens = iter(["first", "second"])
    broker.trailers = [("aol-revision", "7")]
    async with AOLDataClient(broker.endpoint, "shop", token=lambda: next(tokens)) as client:
        await client.count("events")
        await client.count("events")
    assert shown(broker) == ["first", "second"]
    assert broker.calls[1].headers["aol-revision"] == "7"


async def test_a_token_file_is_read_again_when_a_call_is_refused(broker: "ScriptedBroker", tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    async with AOLDataClient(broker.endpoint, "shop", token_file=file) as client:
        await client.count("events")
        replacement = tmp_path / "new"
        replacement.write_text("new\n")
        replacement.rename(file)
        broker.answer("CountData", REFUSED, pb.CountDataResponse(count=3))
        assert await client.count("events") == 3
    assert shown(broker) in (["old", "old", "new"], ["old", "new"])


async def test_a_call_that_is_refused_is_not_made_again_with_the_same_token(
    broker: "ScriptedBroker", tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("same")
    for arguments in ({"token": "same"}, {"token": lambda: "same"}, {"token_file": tmp_path / "token"}, {}):
        broker.calls.clear()
        broker.answer("CountData", REFUSED)
        async with AOLDataClient(broker.endpoint, "shop", **arguments) as client:
            with pytest.raises(UnauthenticatedError):
                await client.count("events")
        assert len(broker.calls) == 1


async def test_a_call_is_made_once_more_and_no_oftener(broker: "ScriptedBroker") -> None:
    tokens = iter(range(100))
    broker.answer("CountData", REFUSED, REFUSED, REFUSED)
    async with AOLDataClient(broker.endpoint, "shop", token=lambda: str(next(tokens))) as client:
        with pytest.raises(UnauthenticatedError):
            await client.count("events")
    assert len(broker.calls) == 2


async def test_a_file_that_is_away_for_a_moment_is_no_matter(broker: "ScriptedBroker", tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("good")
    async with AOLDataClient(broker.endpoint, "shop", token_file=str(file)) as client:
        await client.count("events")
        for spoil in (file.unlink, lambda: file.write_text(""), lambda: file.write_text("line\nbreak")):
            spoil()
            broker.answer("CountData", REFUSED)
            with pytest.raises(UnauthenticatedError):
                await client.count("events")
            await client.count("events")
    assert set(shown(broker)) == {"good"}


@pytest.mark.parametrize("content", [None, b"", b"\n", b"line\nbreak", b"n\xc3\xa9", b"nul\0"])
async def test_a_file_that_holds_no_token_is_an_error_that_does_not_repeat_it(
    broker: "ScriptedBroker", tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    async with AOLDataClient(broker.endpoint, "shop", token_file=file) as client:
        with pytest.raises(ConfigurationError, match="token") as caught:
            await client.count("events")
    assert "break" not in str(caught.value)
    assert broker.calls == []


async def test_the_environment_counts_where_nothing_is_given(
    broker: "ScriptedBroker", tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("of-the-file")
    environment.setenv("AOL_TOKEN_FILE", str(tmp_path / "token"))
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.count("events")
    environment.setenv("AOL_TOKEN", "of-the-variable")
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.count("events")
    async with AOLDataClient(broker.endpoint, "shop", token="given") as client:
        await client.count("events")
    environment.setenv("AOL_TOKEN", "")
    environment.setenv("AOL_TOKEN_FILE", "")
    async with AOLDataClient(broker.endpoint, "shop") as client:
        await client.count("events")
    assert shown(broker) == ["of-the-file", "of-the-variable", "given", "nothing"]


async def test_a_token_and_a_file_of_one_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="token_file"):
        AOLDataClient("localhost:1", "shop", token="t", token_file=tmp_path)


async def test_what_a_function_returns_is_checked_without_repeating_it() -> None:
    async with AOLDataClient("localhost:1", "shop", token=lambda: "s3cret\n") as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.count("events")
    assert "s3cret" not in str(caught.value)


def test_no_token_is_in_a_representation(tmp_path: Path) -> None:
    client = AOLDataClient("localhost:1", "shop", token="s3cret")
    assert "s3cret" not in repr(client) + repr(vars(client)["_caller"])
    assert os.fspath(tmp_path) not in repr(client)


@pytest.mark.parametrize("way", ["argument", "function", "file", "variable"])
def test_a_token_is_not_sent_to_another_machine_in_clear_text(
    way: str, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("s3cret")
    shown_by: dict[str, dict[str, Any]] = {
        "argument": {"token": "s3cret"},
        "function": {"token": lambda: "s3cret"},
        "file": {"token_file": tmp_path / "token"},
        "variable": {},
    }
    arguments = shown_by[way]
    if way == "variable":
        environment.setenv("AOL_TOKEN", "s3cret")
    for endpoint in ("broker:50051", "10.0.0.1:50051", "[2001:db8::1]:50051", "127.0.0.1.example:1", ":1"):
        with pytest.raises(ConfigurationError, match="AOL_TLS_CA_FILE") as caught:
            AOLDataClient(endpoint, "shop", **arguments)
        assert "s3cret" not in str(caught.value)
        AOLDataClient(endpoint, "shop", tls=True, **arguments)
        AOLDataClient(endpoint, "shop", tls=False, **arguments)
    for endpoint in ("localhost:1", "127.0.0.2:1", "[::1]:1", "unix:/run/broker.sock"):
        AOLDataClient(endpoint, "shop", **arguments)
    for said, refused in (("0", False), ("off", False), ("", True)):
        environment.setenv("AOL_TLS_ENABLED", said)
        with pytest.raises(ConfigurationError) if refused else contextlib.nullcontext():
            AOLDataClient("broker:50051", "shop", **arguments)


async def test_a_users_token_is_not_sent_to_another_machine_in_clear_text_either() -> None:
    async with AOLDataClient("broker:50051", "shop", timeout=0.1) as client:
        for call in (
            client.count("events", context={"token": "s3cret"}),
            client.with_context({"token": "s3cret"}).count("events"),
        ):
            with pytest.raises(ConfigurationError, match="AOL_TLS_CA_FILE"):
                await call
