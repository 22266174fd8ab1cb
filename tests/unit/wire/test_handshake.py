"""Do a broker and a program understand each other, and does the broker say why when they do not?"""

from pathlib import Path

import orjson
import pytest

from aol_wire.faults import describe_fault
from aol_wire.handshake import (
    COOKIE_VARIABLE,
    HANDSHAKE_MAX_BYTES,
    LISTEN_VARIABLE,
    PROTOCOL,
    Handshake,
    HandshakeError,
    Launch,
    format_line,
    parse_line,
    read_launch,
    unix_address,
)

GOOD = {"aol_adapter": 1, "protocols": [PROTOCOL], "address": "unix:/run/x.sock", "cookie": "c"}


def test_a_handshake_is_one_line_that_reads_back() -> None:
    handshake = Handshake("unix:/run/x.sock", "c")
    line = format_line(handshake)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert parse_line(line, "c") == handshake


def test_a_program_may_speak_more_protocols_and_say_more() -> None:
    line = orjson.dumps({**GOOD, "protocols": ["aol.adapter.v2", PROTOCOL, 7], "colour": "blue"})
    assert parse_line(line, "c").protocols == ("aol.adapter.v2", PROTOCOL)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"", "not the handshake"),
        (b"Listening on port 80\n", "not the handshake"),
        (b"\xff\xfe\n", "not the handshake"),
        (b"[1]\n", "not the handshake"),
        (b"{}\n", "not the handshake"),
        (b"x" * (HANDSHAKE_MAX_BYTES + 1), "longer than"),
        (orjson.dumps({**GOOD, "aol_adapter": 2}), "another version"),
        (orjson.dumps({**GOOD, "aol_adapter": True}), "another version"),
        (orjson.dumps({**GOOD, "protocols": ["aol.adapter.v2"]}), "does not speak the protocol"),
        (orjson.dumps({**GOOD, "protocols": PROTOCOL}), "does not speak the protocol"),
        (orjson.dumps({**GOOD, "cookie": "d"}), "another cookie"),
        (orjson.dumps({**GOOD, "cookie": None}), "another cookie"),
        (orjson.dumps({**GOOD, "address": ""}), "names no address"),
        (orjson.dumps({**GOOD, "address": 7}), "names no address"),
    ],
)
def test_another_line_is_refused_with_the_reason_and_not_repeated(line: bytes, says: str) -> None:
    with pytest.raises(HandshakeError, match=says) as caught:
        parse_line(line, "c")
    assert "Listening" not in str(caught.value)


def test_a_launch_travels_in_the_environment() -> None:
    launch = Launch("unix:/run/x.sock", "c")
    assert read_launch({"PATH": "/bin", **launch.environment()}) == launch


@pytest.mark.parametrize("environment", [{}, {COOKIE_VARIABLE: "c"}, {LISTEN_VARIABLE: "unix:/x"}])
def test_half_a_launch_is_none(environment: dict[str, str]) -> None:
    assert read_launch(environment) is None


def test_a_socket_path_may_have_107_bytes_and_no_more() -> None:
    longest = Path("/" + "s" * 106)
    assert unix_address(longest) == f"unix:{longest}"
    with pytest.raises(HandshakeError, match="108 bytes"):
        unix_address(Path("/" + "s" * 107))
    with pytest.raises(HandshakeError, match="108 bytes"):
        unix_address(Path("/" + "é" * 53 + "s"))
    with pytest.raises(HandshakeError, match="not absolute"):
        unix_address(Path("x.sock"))


def fail() -> None:
    raise KeyError("hunter2")


def test_a_fault_is_described_by_type_and_place_without_its_text() -> None:
    with pytest.raises(KeyError) as caught:
        fail()
    described = describe_fault(caught.value)
    assert described.startswith("KeyError at wire/test_handshake.py:")
    assert "hunter2" not in described
    assert describe_fault(ValueError("hunter2")) == "ValueError"
