"""What does gRPC take for TLS? Credentials made of watched files, for servers and for channels."""

from collections.abc import Iterable, Mapping

import grpc

from aol_wire.tls import TlsError, TlsMaterial, WatchedTls


def server_credentials(watched: WatchedTls) -> grpc.ServerCredentials:
    """Return the credentials of a server, which takes up new files with the next handshake.

    With authorities, a client has to show a certificate of one of them: gRPC asks everybody for one, or nobody.
    """

    def changed() -> "grpc.ServerCertificateConfiguration | None":
        # gRPC calls this in a thread of its own, at each handshake.
        return _configuration(watched.current) if watched.refresh() else None

    asks = watched.current.ca is not None
    credentials: grpc.ServerCredentials = grpc.dynamic_ssl_server_credentials(
        _configuration(watched.current),
        changed,  # type: ignore[arg-type] # None leaves things as they are, which the stubs do not say
        require_client_authentication=asks,
    )
    return credentials


def channel_credentials(material: TlsMaterial) -> grpc.ChannelCredentials:
    """Return the credentials of a channel; without authorities, it believes those that come with gRPC."""
    return grpc.ssl_channel_credentials(material.ca, material.key, material.certificate)


def certificate_names(authenticated: Mapping[str, Iterable[bytes]]) -> tuple[str, ...]:
    """Return the URIs and DNS names of a peer's certificate, which TLS has verified; nothing without one.

    What passes itself off as the other kind is left out: a DNS name has no colon, and a URI has one.

    :param authenticated: gRPC's authentication context of the peer.
    """
    uris = (name for name in map(_text, authenticated.get("peer_uri", ())) if ":" in name)
    hosts = (name for name in map(_text, authenticated.get("peer_dns", ())) if name and ":" not in name)
    return (*uris, *hosts)


def _text(entry: bytes) -> str:
    """Return a name; empty if it is one that nobody writes."""
    text = entry.decode("ascii", errors="replace")
    return text if text.isascii() and text.isprintable() else ""


def _configuration(material: TlsMaterial) -> "grpc.ServerCertificateConfiguration":
    if material.key is None or material.certificate is None:
        raise TlsError("a server needs a certificate and its key")
    return grpc.ssl_server_certificate_configuration([(material.key, material.certificate)], material.ca)
