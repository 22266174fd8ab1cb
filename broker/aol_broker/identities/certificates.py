"""Whose is a client certificate? The names in it that TLS has verified, and what the configuration says of them."""

from aol_broker.identities.name_templates import NameTemplate
from aol_broker.request import Principal, Verified
from aol_broker.verifier_settings import CertificateSettings
from aol_wire.errors import DataError, Reason


class CertificateVerifier:
    """Tells callers by the URIs and DNS names of their certificates."""

    def __init__(self, settings: CertificateSettings) -> None:
        self._services = {_comparable(name): service for name, service in settings.services.items()}
        self._operators = {_comparable(name): name for name in settings.operators}
        self._uri = None if settings.uri is None else NameTemplate(settings.uri)
        self._dns = None if settings.dns is None else NameTemplate(settings.dns)

    def principal(self, names: tuple[str, ...]) -> Principal | None:
        """Return whose certificate it is; None when none of its names is known.

        :raises DataError: BAD_CREDENTIALS, its names are of several callers.
        """
        found = {(service, operator) for name in names for service, operator in self._of(_comparable(name))}
        if len(found) > 1:
            raise DataError(
                Reason.BAD_CREDENTIALS,
                "The names in the client certificate stand for several services or operators, so that it does not say "
                "who calls. Use a certificate with the name of one.",
            )
        for service, operator in found:
            return Principal(service, bool(operator), Verified.MTLS, operator)
        return None

    def _of(self, name: str) -> list[tuple[str, str]]:
        """Return what a name stands for, each as (service, operator), of which one is empty."""
        found = []
        if name in self._operators:
            found.append(("", self._operators[name]))
        if name in self._services:
            # Written out, it goes before what a pattern would make of the same name.
            return [*found, (self._services[name], "")]
        template = self._uri if _is_uri(name) else self._dns
        service = None if template is None else template.service(name)
        return found if service is None else [*found, (service, "")]


def _is_uri(name: str) -> bool:
    return ":" in name


def _comparable(name: str) -> str:
    """Names in DNS are the same in capitals; URIs are not."""
    return name if _is_uri(name) else name.lower()
