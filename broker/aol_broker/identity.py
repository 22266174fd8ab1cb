"""Who is calling?

As long as no verifier of identities is configured, the service name that the peer gives is trusted; that is why such a
broker listens on loopback only. Operators are never believed by name: they show the operator's token.
"""

import hmac

from aol_broker.request import Peer, Principal, Verified
from aol_wire.errors import DataError, Reason
from aol_wire.metadata import SERVICE_HEADER
from aol_wire.names import SERVICE

_SCHEME = "bearer "


def identify(peer: Peer, operator_token: str) -> Principal:
    """Return the principal behind a peer.

    :raises DataError: NO_CREDENTIALS when the peer names nobody; BAD_CREDENTIALS when its token or name is no good.
    """
    is_operator = False
    if peer.authorization:
        scheme, token = peer.authorization[: len(_SCHEME)], peer.authorization[len(_SCHEME) :]
        if scheme.lower() != _SCHEME or not _same(token, operator_token):
            raise DataError(
                Reason.BAD_CREDENTIALS,
                "The token in the 'authorization' header is not this broker's operator token. It is in the file "
                "operator.token of the broker's data folder, and is sent as 'Bearer <token>'.",
            )
        is_operator = True
    if peer.service:
        if SERVICE.fullmatch(peer.service) is None:
            raise DataError(
                Reason.BAD_CREDENTIALS,
                f"The service name in the '{SERVICE_HEADER}' header is not one: a lower-case letter followed by at "
                "most 62 of a-z, 0-9 and '-'.",
            )
    elif not is_operator:
        raise DataError(
            Reason.NO_CREDENTIALS,
            f"The call does not say which service it comes from: set the request header '{SERVICE_HEADER}' "
            "(AOLDataClient does it by itself).",
        )
    return Principal(peer.service, is_operator, Verified.TOKEN if is_operator else Verified.INSECURE)


def _same(token: str, expected: str) -> bool:
    """Compare in a time that tells nothing; any text may come in a header, lone surrogates too."""
    return hmac.compare_digest(token.encode(errors="surrogatepass"), expected.encode(errors="surrogatepass"))
