"""How are manifests checked against this broker, one or many, before anything is done with them?"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aol_broker.access import limits_parser
from aol_broker.backends import Backends, needed_by, require
from aol_broker.manifest import Manifest, parse_manifest
from aol_broker.registry.declaring import declared
from aol_broker.registry.snapshot import CollectionRecord, Snapshot
from aol_broker.request import Principal
from aol_broker.yaml_text import did_you_mean
from aol_wire.adapter import Capability
from aol_wire.errors import DataError, Reason, Violation
from aol_wire.limits import MANIFEST_SOURCE_MAX_CHARACTERS

PROBLEMS_SHOWN = 50

# A text can be made to take seconds to read, and a service may send its own again and again. Those of services are read
# one after another, so that the threads stay free in which everything else is done.
_reading_of_services = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aol-manifests")


@dataclass(frozen=True, slots=True)
class SourcedText:
    """A manifest's text, and the name of the file that it came from."""

    text: str
    source: str


def check_source(source: str, where: str) -> str:
    """Return the name of a manifest's file; one that is not given is `manifest.yaml`.

    :param where: the field of the request, for the message.
    :raises DataError: BAD_REQUEST, it cannot be shown.
    """
    source = source or "manifest.yaml"
    if len(source) > MANIFEST_SOURCE_MAX_CHARACTERS or not source.isprintable():
        raise DataError.invalid(
            Reason.BAD_REQUEST, where, f"at most {MANIFEST_SOURCE_MAX_CHARACTERS} printable characters"
        )
    return source


async def parse_aside(text: str, source: str, principal: Principal) -> Manifest:
    """Return what a manifest declares that a caller sends, or has sent; calls go on meanwhile.

    :raises DataError: BAD_MANIFEST.
    """
    threads = None if principal.is_operator else _reading_of_services
    return await asyncio.get_running_loop().run_in_executor(threads, parse_manifest, text, source)


async def parse_all(texts: Sequence[SourcedText], principal: Principal) -> list[Manifest]:
    """Return what manifests of different services declare, as a caller sends them.

    :raises DataError: BAD_MANIFEST, with the problems of all of them, or two are of one service.
    """
    manifests: list[Manifest] = []
    errors: list[DataError] = []
    for item in texts:
        try:
            manifests.append(await parse_aside(item.text, item.source, principal))
        except DataError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        violations = tuple(violation for error in errors for violation in error.violations)
        message = "\n".join(error.message for error in errors)
        raise DataError(Reason.BAD_MANIFEST, message, violations=violations[:PROBLEMS_SHOWN])
    return manifests


def refuse_rivals(services: Sequence[tuple[str, str]]) -> None:
    """Return if no two manifests, given by service and source, are of one service.

    :raises DataError: BAD_MANIFEST, naming the service and its files.
    """
    first: dict[str, str] = {}
    for service, source in services:
        if service in first:
            text = f"it is the manifest of {service}, and so is {first[service]}; a service has one"
            place = f"{source} metadata.name"
            raise DataError(Reason.BAD_MANIFEST, f"{place}: {text}", violations=(Violation(place, text),))
        first[service] = source


def collections_of(manifest: Manifest, snapshot: Snapshot, backends: Backends) -> tuple[CollectionRecord, ...]:
    """Return the collections of a manifest as they should be, once their adapters are known to be able to keep them.

    :raises DataError: BAD_MANIFEST, CAPABILITY_UNSUPPORTED, TOO_LARGE, ADAPTER_DOWN.
    """
    _check_adapters(manifest, backends)
    records = tuple(
        declared(
            snapshot.collection(manifest.service, declaration.name), manifest.service, declaration, backends.default
        )
        for declaration in manifest.collections
    )
    for record, declaration in zip(records, manifest.collections, strict=True):
        needed = [needed_by(record), *(limits_parser.needed_by(share.limits) for share in declaration.sharing)]
        require(backends.of(record), frozenset[Capability]().union(*needed))
    return records


def _check_adapters(manifest: Manifest, backends: Backends) -> None:
    names = backends.names
    for declaration in manifest.collections:
        if declaration.adapter and declaration.adapter not in names:
            raise DataError.invalid(
                Reason.BAD_MANIFEST,
                f"{manifest.service}.{declaration.name}.storage.adapter",
                f"this broker has no adapter '{declaration.adapter}'; it has {', '.join(names)}"
                f"{did_you_mean(declaration.adapter, names)}",
            )
