"""How do tests get certificates? An authority of their own, which vouches for whatever a test asks it to."""

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


class Authority:
    """Vouches for certificates, and writes them into a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._folder = folder
        self.file = folder / f"{name}.pem"
        certificate = self._builder(self._name, self._key, valid=True)
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def certify(self, name: str, *names: str, common_name: str = "", valid: bool = True) -> tuple[Path, Path]:
        """Write a certificate for `names` (URIs, addresses, DNS names) and its key; return both files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or name)])
        builder = self._builder(subject, key, valid=valid)
        if names:
            alternatives = x509.SubjectAlternativeName([_general_name(item) for item in names])
            builder = builder.add_extension(alternatives, critical=False)
        files = self._folder / f"{name}.pem", self._folder / f"{name}-key.pem"
        # As those that renew certificates do it: a new file in the place of the old one.
        for file, content in zip(
            files,
            (
                builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM),
                key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            ),
            strict=True,
        ):
            fresh = file.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.chmod(0o600)
            fresh.rename(file)
        return files

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, valid: bool) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 3 * _DAY)
            .not_valid_after(now + (1.5 * _DAY if valid else -_DAY))
        )


def _general_name(name: str) -> x509.GeneralName:
    if ":" in name:
        return x509.UniformResourceIdentifier(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
