"""Who vouches for a broker's audit segments? A key pair (Ed25519); the public half is for those who verify."""

import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PUBLIC_KEY_FILE = "audit-public-key.pem"
"""In the audit folder, written by the broker. Whoever can change the folder can change it: keep a copy elsewhere."""


class SigningKeyError(Exception):
    """A key cannot be used; the message says why."""


class SigningKey:
    """The private half."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    def sign(self, body: bytes) -> bytes:
        """Return the signature, 64 bytes."""
        return self._key.sign(body)

    def public_pem(self) -> bytes:
        """Return the public half as PEM."""
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def key_id(key: Ed25519PublicKey) -> str:
    """Return the name of a key: the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def read_or_make_signing_key(path: Path) -> SigningKey:
    """Return the key of a file (PEM, PKCS #8, not encrypted), which is made, for its owner only, when it is not there.

    :raises SigningKeyError: the file cannot be read or written, or holds no Ed25519 key.
    """
    try:
        pem = path.read_bytes() if path.exists() else _made(path)
    except OSError as error:
        raise SigningKeyError(f"The audit log's signing key {path} cannot be read: {error.strerror}.") from None
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(
            f"The audit log's signing key {path} is not a private Ed25519 key in PEM, without a password. "
            "`openssl genpkey -algorithm ed25519` makes one."
        )
    return SigningKey(key)


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Return the key of a file (PEM).

    :raises SigningKeyError: the file cannot be read, or holds no public Ed25519 key.
    """
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"The public key {path} cannot be read: {error.strerror}.") from None
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{path} holds no public Ed25519 key in PEM.")
    return key


def _made(path: Path) -> bytes:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(descriptor)
    # Whole or not at all: half a key in the place of one would stop every later start.
    made.replace(path)
    return pem
