"""For how long is the broker's certificate good? Looked at in a connection of its own."""

import os
import socket
import ssl
import time

_TIMEOUT_S = 5.0
_DAY_S = 86400


def days_left(endpoint: str) -> int | None:
    """Return for how many whole days from now the certificate of a broker that can be reached is good.

    None: it speaks no TLS as far as the environment says, or shows a certificate of authorities that come with gRPC
    and not with this system, of which nothing more can be told.
    """
    from aol_client.tls import client_tls
    from aol_wire.tls import CA_VARIABLE, CERTIFICATE_VARIABLE, KEY_VARIABLE, SERVER_NAME_VARIABLE

    if client_tls(None) is None:
        return None
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    context = ssl.create_default_context(cafile=os.environ.get(CA_VARIABLE) or None)
    context.set_alpn_protocols(["h2"])
    certificate = os.environ.get(CERTIFICATE_VARIABLE)
    try:
        if certificate:
            context.load_cert_chain(certificate, os.environ.get(KEY_VARIABLE))
        name = os.environ.get(SERVER_NAME_VARIABLE) or host
        with (
            socket.create_connection((host, int(port)), timeout=_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            shown = connection.getpeercert() or {}
    except OSError:
        return None
    until = shown.get("notAfter")
    return None if not isinstance(until, str) else int((ssl.cert_time_to_seconds(until) - time.time()) // _DAY_S)
