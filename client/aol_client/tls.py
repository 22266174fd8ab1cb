"""What does a client show and believe in TLS? Files and a name, by arguments or by the environment."""

import logging
import os
import time
from dataclasses import dataclass
from os import PathLike

import grpc
import grpc.aio

from aol_client.exceptions import ConfigurationError, invalid_request
from aol_wire.errors import Reason
from aol_wire.loopback import stays_here
from aol_wire.tls import (
    CA_VARIABLE,
    CERTIFICATE_VARIABLE,
    ENABLED_VARIABLE,
    KEY_VARIABLE,
    SERVER_NAME_VARIABLE,
    TlsError,
    WatchedTls,
    tls_files,
)
from aol_wire.tls_credentials import channel_credentials

_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})
# Whether a file has changed is not looked at with each call.
_LOOK_EVERY_S = 1.0

_log = logging.getLogger("aol_client")

File = str | PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TLS:
    """TLS to the broker.

    `ca_file` (PEM) is who vouches for the broker; without it, the authorities that come with gRPC. `certificate_file`
    and `key_file` (PEM) are what the client shows, where the broker asks for a certificate. `server_name` is the name
    in the broker's certificate, where that is not the endpoint's host. Files are read again when they change.
    """

    ca_file: File | None = None
    certificate_file: File | None = None
    key_file: File | None = None
    server_name: str | None = None


class ClientTls:
    """The TLS of one client."""

    def __init__(self, tls: TLS) -> None:
        """:raises ConfigurationError: the files cannot be used."""
        self.server_name = tls.server_name
        self._looked_at = time.monotonic()
        try:
            self._watched = WatchedTls(tls_files(tls.ca_file, tls.certificate_file, tls.key_file), _keep_the_old)
        except TlsError as error:
            raise ConfigurationError(f"tls: {error}") from None

    def changed(self) -> bool:
        """Whether new channels have other credentials than before. A file that has changed is noticed within 1 s."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_EVERY_S:
            return False
        self._looked_at = now
        return self._watched.refresh()

    def channel(self, endpoint: str, options: tuple[tuple[str, int], ...]) -> grpc.aio.Channel:
        """Return a new channel."""
        named = () if self.server_name is None else (("grpc.ssl_target_name_override", self.server_name),)
        return grpc.aio.secure_channel(endpoint, channel_credentials(self._watched.current), options=(*options, *named))


def client_tls(tls: TLS | bool | None) -> ClientTls | None:
    """Return a client's TLS: as the argument says, or where that is None, the environment; None: it speaks without.

    :raises ConfigurationError: the files, or the variables, cannot be used.
    :raises InvalidRequestError: the argument is of another type.
    """
    if tls is None:
        return _of_environment()
    if isinstance(tls, bool):
        return ClientTls(TLS()) if tls else None
    if not isinstance(tls, TLS):
        raise invalid_request(Reason.BAD_REQUEST, "tls", "must be a TLS, True or False")
    return ClientTls(tls)


def clear_text_problem(endpoint: str, tls: TLS | bool | None) -> str:
    """Return why a client that speaks no TLS must not send a token to a broker; empty when it may.

    Whoever is on the way reads what goes to another machine without TLS, and whoever reads a token is its owner. Where
    the network itself is private, `tls=False` or AOL_TLS_ENABLED=0 says so.
    """
    said = os.environ.get(ENABLED_VARIABLE, "").strip().lower() if tls is None else ""
    if tls is False or said in _NO - {""} or stays_here(endpoint):
        return ""
    return (
        f"a token is not sent to {endpoint} without TLS, as others on the way could read it: give tls=TLS(ca_file=...) "
        "or AOL_TLS_CA_FILE; or, where the network itself is private, say so with tls=False or AOL_TLS_ENABLED=0"
    )


def _of_environment() -> ClientTls | None:
    said = os.environ.get(ENABLED_VARIABLE, "").strip().lower()
    if said not in _YES | _NO:
        raise ConfigurationError(f"{ENABLED_VARIABLE} must be one of 1 and 0")
    names = (CA_VARIABLE, CERTIFICATE_VARIABLE, KEY_VARIABLE, SERVER_NAME_VARIABLE)
    ca, certificate, key, server_name = (os.environ.get(name) or None for name in names)
    # Who names the files wants TLS, unless it is turned off in so many words.
    wanted = said in _YES or (not said and any((ca, certificate, key)))
    if not wanted:
        return None
    return ClientTls(TLS(ca_file=ca, certificate_file=certificate, key_file=key, server_name=server_name))


def _keep_the_old(problem: str) -> None:
    _log.warning("TLS files cannot be used, those read before are: %s", problem)
