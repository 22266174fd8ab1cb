"""How do tests get an issuer of JSON Web Tokens? Keys, tokens signed with them, a server that gives the keys out."""

import base64
import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example"
AUDIENCE = "aol-broker"


class Issuer:
    """An issuer with keys of each kind: `rsa`, `ec`, `ed`, and `other`, which is not in its key set."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
            "other": ec.generate_private_key(ec.SECP256R1()),
        }

    def key_set(self, *names: str) -> bytes:
        """The JWK set of these keys; of `rsa`, `ec` and `ed` when none is named."""
        return json.dumps({"keys": [self.public(name) for name in names or ("rsa", "ec", "ed")]}).encode()

    def public(self, name: str) -> dict[str, Any]:
        """The JWK of a public key."""
        public = self.keys[name].public_key()
        kinds: dict[str, Any] = {"rsa": RSAAlgorithm, "ed": OKPAlgorithm}
        kind = kinds.get(name, ECAlgorithm)
        return {**kind.to_jwk(public, as_dict=True), "kid": name, "use": "sig"}

    def public_pem(self, name: str) -> bytes:
        encoded: bytes = (
            self.keys[name]
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        return encoded

    def token(self, name: str = "ec", *, headers: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A token signed with a key; `claims` replace those of a good one, and None leaves one out."""
        algorithm = {"rsa": "RS256", "ed": "EdDSA"}.get(name, "ES256")
        kept = {key: value for key, value in {**good_claims(), **claims}.items() if value is not None}
        # Not by `jwt.encode`, which refuses some of what issuers should not sign.
        signed = json.dumps(kept).encode()
        return jwt.PyJWS().encode(signed, self.keys[name], algorithm, headers={"kid": name, **(headers or {})})


def good_claims() -> dict[str, Any]:
    """The claims of a token of the service `crew` that holds for an hour."""
    now = int(time.time())
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "crew", "iat": now, "nbf": now, "exp": now + 3600}


def encoded(part: Any) -> str:
    """A part of a token as it is written; text is taken as it is."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class KeyServer:
    """A server that answers with what `answer` says: a status, headers and a body; `asked` counts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: tuple[int, Mapping[str, str], bytes] = (200, {}, b"")
        self.asked = 0


@contextlib.contextmanager
def key_server(body: bytes, certificate: Path | None = None, port: int = 0) -> Iterator[KeyServer]:
    """Serve a JWK set on loopback; by https with a certificate (PEM, with its key)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked += 1
            status, headers, content = served.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    served = KeyServer(f"{scheme}://127.0.0.1:{server.server_address[1]}/keys.json")
    served.answer = (200, {}, body)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_certificate(file: Path) -> None:
    """Write a certificate for 127.0.0.1 with its key, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
