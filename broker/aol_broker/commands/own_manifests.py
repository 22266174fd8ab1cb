"""Whose manifests may a caller deploy? An operator everybody's; a service its own, where that gives it nothing more."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from aol_broker.audit.policy import AuditLevel
from aol_broker.planning.changes import Change, Consumer, Known
from aol_broker.registry.snapshot import CollectionRecord, Snapshot
from aol_broker.request import Principal
from aol_broker.security.changing import opened
from aol_wire.errors import Applied, DataError, Reason, Violation

# How much records show, from the least to the most.
_SHOWN = (AuditLevel.METADATA, AuditLevel.SHAPE, AuditLevel.VALUES)
_ASKS = "a version of its manifest that runs asks for it"


def check_count(principal: Principal, manifests: int) -> None:
    """Return if a caller may send so many manifests; asked before any of them is read.

    :raises DataError: GRANT_MISSING.
    """
    if not principal.is_operator and manifests > 1:
        raise _denied(
            "manifests",
            f"the credentials are those of {principal.service}, which plans and applies its own manifest, and these "
            f"are {manifests:,}. Send that one alone, or have an operator do it",
        )


def check_owner(principal: Principal, service: str, where: str) -> None:
    """Return if a manifest of a service is a caller's to deal with.

    :param where: the file, or the field of the request, for the message.
    :raises DataError: GRANT_MISSING.
    """
    if not principal.is_operator and service != principal.service:
        raise _denied(
            where,
            f"it is of the service {service}, and the credentials are those of {principal.service}, which deals with "
            f"its own manifest only. Use {service}'s own credentials, or have an operator do it",
        )


def check_rights(principal: Principal, records: Iterable[CollectionRecord], snapshot: Snapshot) -> None:
    """Return if a caller may have collections be as these records say.

    :raises DataError: GRANT_MISSING, naming everything that only an operator may change.
    """
    if principal.is_operator:
        return
    found = [
        Violation(where, what)
        for record in records
        if (before := snapshot.collections.get(record.collection_id)) is not None
        for where, what in _operators_only(before, record)
    ]
    if found:
        said = "; ".join(f"{item.path}: {item.description}" for item in found)
        raise DataError(
            Reason.GRANT_MISSING,
            f"Only an operator may change this, and a service not, by its own manifest neither: {said}. Leave it as it "
            "was, or have an operator plan and apply the manifest.",
            violations=tuple(found),
            applied=Applied.NO,
        )


def _operators_only(before: CollectionRecord, after: CollectionRecord) -> Iterator[tuple[str, str]]:
    # As bypass-security is an operator's to give, to the owner itself too.
    for what in opened(before.security, after.security):
        yield f"{after.collection_id}.security", what
    # Records are there to tell what a service did.
    if _SHOWN.index(after.audit.level) < _SHOWN.index(before.audit.level):
        yield f"{after.collection_id}.audit", f"audit records would show less: {after.audit.level.value}"


def as_told(change: Change) -> Change:
    """Return a change as the owner of the manifest may see it: of others' manifests, no versions; of its grants, no
    limits, as a condition may name fields that it does not see."""
    if change.path.startswith(f"{change.service}.grants."):
        change = replace(change, before=change.before.partition(", ")[0])
    return replace(change, consumers=tuple(dict.fromkeys(map(_told, change.consumers))))


def _told(consumer: Consumer) -> Consumer:
    return replace(consumer, detail=_ASKS) if consumer.known is Known.DECLARED else consumer


def _denied(where: str, what: str) -> DataError:
    return DataError(
        Reason.GRANT_MISSING, f"{where}: {what}.", violations=(Violation(where, what),), applied=Applied.NO
    )
