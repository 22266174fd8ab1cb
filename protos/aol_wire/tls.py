"""Which certificate, key and authorities does a side of TLS use? What its files hold, read again as they change."""

import ssl
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

# What clients and the command line go by. The broker's settings begin alike, and have two underscores.
ENABLED_VARIABLE = "AOL_TLS_ENABLED"
CA_VARIABLE = "AOL_TLS_CA_FILE"
CERTIFICATE_VARIABLE = "AOL_TLS_CERTIFICATE_FILE"
KEY_VARIABLE = "AOL_TLS_KEY_FILE"
SERVER_NAME_VARIABLE = "AOL_TLS_SERVER_NAME"
CLIENT_VARIABLES = (ENABLED_VARIABLE, CA_VARIABLE, CERTIFICATE_VARIABLE, KEY_VARIABLE, SERVER_NAME_VARIABLE)

FILE_MAX_BYTES = 1 << 20
# A file that is replaced while it is read is read again, so often.
_ATTEMPTS = 5


class TlsError(ValueError):
    """The files cannot be used. The text names the file and says why; nothing of what is in it."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of one side: the authorities that it believes, and its own certificate (chain) with the private key."""

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What the files held, as PEM; None for what was not given."""

    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None


class WatchedTls:
    """The material of one side, read again when a file has changed.

    What cannot be used does not replace what could: `on_problem` is told once of each fault, and what was read before
    goes on to count.
    """

    def __init__(self, files: TlsFiles, on_problem: Callable[[str], None]) -> None:
        """:raises TlsError: the files cannot be used now."""
        self._files = files
        self._on_problem = on_problem
        self._seen = _seen(files)
        self._problem = ""
        self._lock = threading.Lock()
        self.current = read_tls(files)

    def refresh(self) -> bool:
        """Look at the files, and return whether `current` is another one now. Any thread may call it."""
        with self._lock:
            seen = _seen(self._files)
            if seen == self._seen:
                return False
            try:
                material = read_tls(self._files)
            except TlsError as error:
                # What is seen is not noted, so that a replacement that is half done is looked at again.
                if str(error) != self._problem:
                    self._problem = str(error)
                    self._on_problem(self._problem)
                return False
            self._seen, self._problem = seen, ""
            changed, self.current = material != self.current, material
            return changed


def tls_files(
    ca_file: str | PathLike[str] | None = None,
    certificate_file: str | PathLike[str] | None = None,
    key_file: str | PathLike[str] | None = None,
) -> TlsFiles:
    """Return the files of these names.

    :raises TlsError: there is a certificate without a key, or a key without a certificate.
    """
    if (certificate_file is None) != (key_file is None):
        raise TlsError("certificate_file and key_file go together: give both, or neither")
    paths = (None if name is None else Path(fspath(name)) for name in (ca_file, certificate_file, key_file))
    return TlsFiles(*paths)


def read_tls(files: TlsFiles) -> TlsMaterial:
    """Return what the files hold, once it is known that TLS can use it.

    :raises TlsError: a file cannot be read or is no PEM of its kind, the key is not the certificate's, or users other
        than its owner and group can read the key.
    """
    for _ in range(_ATTEMPTS):
        before = _seen(files)
        material = TlsMaterial(_read(files.ca_file), _read(files.certificate_file), _read(files.key_file))
        problem = _problem(files)
        # Checked by their names and read by their names: it was one state if nothing has changed meanwhile.
        if _seen(files) == before:
            if problem:
                raise TlsError(problem)
            return material
    raise TlsError(f"{_names(files)} change all the time")


def _problem(files: TlsFiles) -> str:
    """Return what is wrong with files that can be read; empty when nothing is."""
    if files.key_file is not None and files.key_file.stat().st_mode & stat.S_IRWXO:
        return f"{files.key_file} can be used by everybody on this machine: run 'chmod o= {files.key_file}'"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if files.ca_file is not None:
            context.load_verify_locations(files.ca_file)
    except (ssl.SSLError, OSError):
        return f"{files.ca_file} holds no certificates in PEM form"
    try:
        if files.certificate_file is not None:
            # Without a password, OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(files.certificate_file, files.key_file, password="")
    except (ssl.SSLError, OSError, ValueError):
        return (
            f"{files.certificate_file} and {files.key_file} are no certificate and its own private key, not encrypted, "
            "in PEM form"
        )
    return ""


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            data = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > FILE_MAX_BYTES:
        raise TlsError(f"{path} is larger than {FILE_MAX_BYTES:,} bytes")
    return data


def _seen(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    return tuple(_state(path) for path in (files.ca_file, files.certificate_file, files.key_file) if path is not None)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        state = path.stat()
    except OSError:
        return (0, 0, 0)
    return (state.st_ino, state.st_mtime_ns, state.st_size)


def _names(files: TlsFiles) -> str:
    paths = (files.ca_file, files.certificate_file, files.key_file)
    return ", ".join(str(path) for path in paths if path is not None)
