"""What ties audit records together? Each carries the hash of the one before it, and its own.

A line of a segment is canonical JSON with the key `hash` put at its end. The hash is SHA-256 of the line without that
key: whoever wants to check it needs the bytes of the file and no JSON library. A segment that is full ends in a line
of another kind, a checkpoint: how many records it holds and the hash of the last, signed (Ed25519).
"""

import re
from dataclasses import dataclass
from hashlib import sha256

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aol_broker.audit.signing import SigningKey

GENESIS = "0" * 64
"""The `prev` of a broker's first record."""

_HASH_KEY = b',"hash":"'
_HASH_END = b'"}'
_SUFFIX_BYTES = len(_HASH_KEY) + len(GENESIS) + len(_HASH_END)
_CHECKPOINT_START = b'{"checkpoint":'
_SIGNATURE_KEY = b',"signature":"'
_SIGNATURE_CHARACTERS = 128
_SIGNED_SUFFIX_BYTES = len(_SIGNATURE_KEY) + _SIGNATURE_CHARACTERS + len(_HASH_END)
_HEX = re.compile(rb"[0-9a-f]+")


class BrokenChainError(Exception):
    """A line is not what was written; the message says what is wrong with it."""


def chained(body: bytes) -> tuple[bytes, str]:
    """Return the line of a record, with its end of line, and its hash.

    :param body: the record as `AuditRecord.body` returns it.
    """
    digest = sha256(body).hexdigest()
    return b"".join((body[:-1], _HASH_KEY, digest.encode(), _HASH_END, b"\n")), digest


def hash_of(line: bytes) -> str:
    """Return the hash of a record's line (without its end), once it is what the line says it is.

    :raises BrokenChainError: the line carries no hash, or that of another record.
    """
    body, key, digest, end = (
        line[:-_SUFFIX_BYTES],
        line[-_SUFFIX_BYTES : -_SUFFIX_BYTES + len(_HASH_KEY)],
        line[-len(GENESIS) - len(_HASH_END) : -len(_HASH_END)],
        line[-len(_HASH_END) :],
    )
    if key != _HASH_KEY or end != _HASH_END or not body:
        raise BrokenChainError("the line carries no hash")
    found = sha256(body + b"}").hexdigest()
    if found.encode() != digest:
        raise BrokenChainError("the record was changed: its hash is not that of what it says")
    return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a broker vouches for: the records `first_seq` to `last_seq` of a segment, the last of which has hash `head`.

    `intents` are the numbers of the writes that were announced so far, and had not ended. `closed`: nothing comes after
    it in the segment; otherwise it was made while the segment was being written, for an anchor. `prev` is the hash of
    the record before the first. A segment of no records has a `last_seq` of `first_seq` - 1.
    """

    broker: str
    time: str
    segment: str
    first_seq: int
    last_seq: int
    prev: str
    head: str
    closed: bool
    intents: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many records it is about."""
        return self.last_seq - self.first_seq + 1

    def line(self, key: SigningKey) -> bytes:
        """Return it signed, as a line with its end."""
        body = orjson.dumps(
            {
                "broker": self.broker,
                "closed": self.closed,
                "count": self.count,
                "first_seq": self.first_seq,
                "head": self.head,
                "intents": self.intents,
                "key": key.key_id,
                "last_seq": self.last_seq,
                "prev": self.prev,
                "segment": self.segment,
                "time": self.time,
            }
        )
        signature = key.sign(body).hex().encode()
        return b"".join((_CHECKPOINT_START, body, _SIGNATURE_KEY, signature, _HASH_END, b"\n"))


def is_checkpoint(line: bytes) -> bool:
    """Whether a line is a checkpoint, as far as its beginning tells."""
    return line.startswith(_CHECKPOINT_START)


def checkpoint_of(line: bytes, key: Ed25519PublicKey | None = None) -> Checkpoint:
    """Return the checkpoint of a line (without its end).

    :param key: whose signature it has to carry; None believes it unseen, as a broker does its own files at its start.
    :raises BrokenChainError: it is none, or is not signed with that key.
    """
    body = line[len(_CHECKPOINT_START) : -_SIGNED_SUFFIX_BYTES]
    signature = line[-_SIGNATURE_CHARACTERS - len(_HASH_END) : -len(_HASH_END)]
    rebuilt = b"".join((_CHECKPOINT_START, body, _SIGNATURE_KEY, signature, _HASH_END))
    if rebuilt != line or _HEX.fullmatch(signature) is None:
        raise BrokenChainError("the checkpoint is not in the form in which checkpoints are written")
    if key is not None:
        try:
            key.verify(bytes.fromhex(signature.decode()), body)
        except InvalidSignature:
            raise BrokenChainError("the checkpoint is not signed with this key, or was changed") from None
    try:
        facts = orjson.loads(body)
        checkpoint = Checkpoint(
            **{name: facts[name] for name in Checkpoint.__slots__ if name != "intents"}, intents=tuple(facts["intents"])
        )
        count_holds = facts["count"] == checkpoint.count
    except (ValueError, KeyError, TypeError):
        raise BrokenChainError("the checkpoint does not say what checkpoints say") from None
    if not count_holds:
        raise BrokenChainError("the checkpoint's count is not that of its sequence numbers")
    return checkpoint
