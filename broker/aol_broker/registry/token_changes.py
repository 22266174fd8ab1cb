"""What do minting and revoking an opaque token write? A row, which says of the token itself no more than its hash."""

from aol_broker.registry import tables
from aol_broker.registry.snapshot import MintedToken
from aol_broker.registry.writer import Writer


async def mint(
    writer: Writer, token_id: str, sha256: bytes, *, service: str, operator: str, created_by: str, lifetime_us: int
) -> MintedToken:
    """Add a token of a service, or of an operator. A `lifetime_us` of 0 is for ever."""
    expires_us = writer.now_us + lifetime_us if lifetime_us else 0
    minted = MintedToken(token_id, service, operator, created_by, writer.now_us, expires_us)
    row = {
        "token_id": token_id,
        "sha256": sha256,
        "service": service,
        "operator": operator,
        "created_by": created_by,
        "created_us": minted.created_us,
        "expires_us": expires_us,
        "revoked_us": 0,
        "revision": writer.revision,
    }
    await writer.insert(tables.tokens, row)
    return minted


async def revoke(writer: Writer, token_id: str) -> bool:
    """Revoke a token; return whether there was one of this id that was not revoked already."""
    if not await writer.select(tables.tokens, token_id=token_id, revoked_us=0):
        return False
    await writer.update(tables.tokens, {"token_id": token_id}, revoked_us=writer.now_us, revision=writer.revision)
    return True
