"""How do a broker and the adapter process that it starts find each other?

The broker sets two environment variables and starts the program. When the program serves, it writes one line of JSON
on its standard output:

    {"aol_adapter": 1, "protocols": ["aol.adapter.v1"], "address": "unix:/…", "cookie": "…"}

The cookie is new for each start. It shows that the line is this program's answer to this start; it is no credential.
The program ends by itself when its standard input does, because then the broker is gone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from aol_wire.limits import REQUEST_MAX_BYTES

COOKIE_VARIABLE = "AOL_ADAPTER_COOKIE"
LISTEN_VARIABLE = "AOL_ADAPTER_LISTEN"

HANDSHAKE_VERSION = 1
PROTOCOL = "aol.adapter.v1"
HANDSHAKE_MAX_BYTES = 4096
# `sockaddr_un.sun_path` has 108 bytes on Linux, one of them the closing NUL.
UNIX_PATH_MAX_BYTES = 107

# A message may carry a request of the largest size and what the contract adds to it.
MESSAGE_MAX_BYTES = REQUEST_MAX_BYTES + (1 << 20)
# Errors travel in trailers. gRPC's own 8 KiB is too little for a list of violations.
TRAILER_MAX_BYTES = 64 << 10
CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_MAX_BYTES),
    ("grpc.max_send_message_length", MESSAGE_MAX_BYTES),
    ("grpc.max_metadata_size", TRAILER_MAX_BYTES),
    ("grpc.absolute_max_metadata_size", 2 * TRAILER_MAX_BYTES),
)


class HandshakeError(ValueError):
    """The two sides do not understand each other. The text says why, for an operator; it repeats no program output."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the broker tells the program: where to listen, and the cookie to answer with."""

    address: str
    cookie: str

    def environment(self) -> dict[str, str]:
        """Return the variables that carry it."""
        return {LISTEN_VARIABLE: self.address, COOKIE_VARIABLE: self.cookie}


@dataclass(frozen=True, slots=True)
class Handshake:
    """What the program answers: where it listens, and what it speaks."""

    address: str
    cookie: str
    protocols: tuple[str, ...] = (PROTOCOL,)


def read_launch(environment: Mapping[str, str]) -> Launch | None:
    """Return what a broker asks for; None when the program was not started by one."""
    address, cookie = environment.get(LISTEN_VARIABLE, ""), environment.get(COOKIE_VARIABLE, "")
    return Launch(address, cookie) if address and cookie else None


def unix_address(path: Path) -> str:
    """Return the gRPC address of a socket file.

    :raises HandshakeError: the path is longer than the operating system allows, or relative.
    """
    size = len(str(path).encode())
    if size > UNIX_PATH_MAX_BYTES:
        raise HandshakeError(
            f"the socket path {path} has {size} bytes; the operating system allows {UNIX_PATH_MAX_BYTES}: "
            "choose a shorter folder for sockets"
        )
    if not path.is_absolute():
        raise HandshakeError(f"the socket path {path} is not absolute")
    return f"unix:{path}"


def format_line(handshake: Handshake) -> bytes:
    """Return the line, its end included."""
    return orjson.dumps(
        {
            "aol_adapter": HANDSHAKE_VERSION,
            "protocols": list(handshake.protocols),
            "address": handshake.address,
            "cookie": handshake.cookie,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def parse_line(line: bytes, cookie: str) -> Handshake:
    """Return what a program answered to a start with this cookie.

    :raises HandshakeError: the line is something else, of another version, or answers another start.
    """
    if len(line) > HANDSHAKE_MAX_BYTES:
        raise HandshakeError(f"its first line is longer than {HANDSHAKE_MAX_BYTES} bytes and so no handshake")
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict) or "aol_adapter" not in fields:
        raise HandshakeError(
            f"its first line of output ({len(line)} bytes) is not the handshake: nothing else may be written to "
            "standard output before it"
        )
    version, protocols = fields["aol_adapter"], fields.get("protocols")
    if version != HANDSHAKE_VERSION or isinstance(version, bool):
        raise HandshakeError(f"it speaks another version of the handshake than {HANDSHAKE_VERSION}")
    if not isinstance(protocols, list) or PROTOCOL not in protocols:
        raise HandshakeError(f"it does not speak the protocol {PROTOCOL}")
    if fields.get("cookie") != cookie:
        raise HandshakeError("it answered with another cookie than the one it was started with")
    address = fields.get("address")
    if not isinstance(address, str) or not address:
        raise HandshakeError("its handshake names no address")
    return Handshake(address, cookie, tuple(name for name in protocols if isinstance(name, str)))
