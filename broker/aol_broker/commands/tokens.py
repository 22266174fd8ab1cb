"""How are opaque tokens minted, listed and revoked? CreateToken, ListTokens, RevokeToken."""

from aol.admin.v1 import token_pb2 as pb
from aol_broker.identities.token_text import TOKEN_ID, digest, new_token, token_id
from aol_broker.presentation import within_one_answer
from aol_broker.registry.snapshot import CollectionRecord, MintedToken
from aol_broker.registry.store import Registry
from aol_broker.request import Answer, Request
from aol_broker.settings_sections import AuthenticationSettings
from aol_broker.verifier_settings import TokenSettings
from aol_wire.errors import DataError, Reason
from aol_wire.names import OPERATOR, check_service

LIFETIME_MAX_S = 10 * 366 * 86_400


class CreateToken:
    """Mints a token. Whoever asks is told it once."""

    def __init__(self, registry: Registry, authentication: AuthenticationSettings) -> None:
        self._registry = registry
        self._believed = any(isinstance(item, TokenSettings) for item in authentication.verifiers)

    async def admit(self, request: Request[pb.CreateTokenRequest], record: CollectionRecord | None) -> None:
        """Check whose it is to be."""
        arguments = request.arguments
        if not self._believed:
            raise DataError(
                Reason.BAD_REQUEST,
                "This broker believes no such tokens: add {type: token} to authentication.verifiers in its "
                "configuration first.",
            )
        if bool(arguments.service) == bool(arguments.operator):
            raise DataError.invalid(Reason.BAD_REQUEST, "service", "a token is of a service or of an operator")
        if arguments.service:
            check_service(arguments.service)
        elif OPERATOR.fullmatch(arguments.operator) is None:
            raise DataError.invalid(
                Reason.BAD_REQUEST,
                "operator",
                "an operator's name is a letter or digit, and up to 62 more or '.', '_', '@', '+', '-'",
            )
        if not 0 <= arguments.lifetime_s <= LIFETIME_MAX_S:
            raise DataError.invalid(
                Reason.BAD_REQUEST, "lifetime_s", f"a token holds for 1 to {LIFETIME_MAX_S:,} seconds, or (0) for ever"
            )

    async def dispatch(
        self, request: Request[pb.CreateTokenRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Keep its hash; it is believed from the answer on."""
        text = new_token()
        sha256 = digest(text)
        minted = await self._registry.mint_token(
            token_id(sha256),
            sha256,
            service=request.arguments.service,
            operator=request.arguments.operator,
            created_by=request.principal.name,
            lifetime_s=request.arguments.lifetime_s,
        )
        return Answer(pb.CreateTokenResponse(token=_to_proto(minted), text=text), 1, {"token_id": minted.token_id})


class ListTokens:
    """Lists the tokens that are not revoked."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.ListTokensRequest], record: CollectionRecord | None) -> None:
        """Operators may ask."""

    async def dispatch(
        self, request: Request[pb.ListTokensRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Look them up."""
        service = request.arguments.service
        minted = sorted(self._registry.snapshot.tokens.values(), key=lambda token: (token.created_us, token.token_id))
        tokens = within_one_answer(
            (_to_proto(token) for token in minted if service in ("", token.service)),
            "List the tokens of one service at a time.",
        )
        return Answer(pb.ListTokensResponse(tokens=tokens), len(tokens))


class RevokeToken:
    """Takes a token back."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def admit(self, request: Request[pb.RevokeTokenRequest], record: CollectionRecord | None) -> None:
        """Check which one."""
        if TOKEN_ID.fullmatch(request.arguments.token_id) is None:
            # What somebody takes for an id could be the token itself.
            raise DataError.invalid(
                Reason.BAD_REQUEST, "token_id", "an id is 16 of 0-9 and a-f, as `aol token list` shows it"
            )

    async def dispatch(
        self, request: Request[pb.RevokeTokenRequest], record: CollectionRecord | None, work: None
    ) -> Answer:
        """Revoke it; it is refused from the answer on."""
        revoked = await self._registry.revoke_token(request.arguments.token_id)
        details = {"token_id": request.arguments.token_id}
        return Answer(pb.RevokeTokenResponse(revoked=revoked), int(revoked), details)


def _to_proto(token: MintedToken) -> pb.Token:
    return pb.Token(
        id=token.token_id,
        service=token.service,
        operator=token.operator,
        created_by=token.created_by,
        created_us=token.created_us,
        expires_us=token.expires_us,
    )
