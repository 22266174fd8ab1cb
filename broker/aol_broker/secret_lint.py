"""Does a document, or an update, hold a secret? Where it seems to, the collection's `secrets` says what happens."""

from collections.abc import Iterable, Iterator

import structlog

from aol_broker.credentials import form_of_credential, is_reference, may_hold_credential, names_credential
from aol_broker.registry.snapshot import CollectionRecord, SecretsPolicy
from aol_broker.violations import first_of
from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Json
from aol_wire.paths import format_path
from aol_wire.updates import Push, Set, UpdateOperation
from aol_wire.values import array_index

_BY_NAME = "its name is one of a credential"

_log = structlog.get_logger("aol.admission")


def check_document_secrets(text: str, document: dict[str, Json], record: CollectionRecord) -> None:
    """Refuse, or log, a document that seems to hold a credential.

    :raises DataError: VALIDATION_FAILED.
    """
    if may_hold_credential(text):
        _judge(_in_object(document, ""), record, "document")


def check_update_secrets(operations: Iterable[UpdateOperation], record: CollectionRecord) -> None:
    """Refuse, or log, an update that seems to store a credential.

    :raises DataError: VALIDATION_FAILED.
    """
    _judge(_in_steps(operations), record, "update")


def secrets_in(document: dict[str, Json]) -> Iterator[Violation]:
    """Yield where a document seems to hold a credential."""
    yield from _in_object(document, "")


def _in_steps(operations: Iterable[UpdateOperation]) -> Iterator[Violation]:
    for step in operations:
        if isinstance(step, Set | Push):
            # An element of an array has the name of the array.
            named = [segment for segment in step.path if array_index(segment) is None]
            yield from _in_value(step.value, format_path(step.path), names_credential(named[-1]) if named else False)


def _in_object(value: dict[str, Json], prefix: str) -> Iterator[Violation]:
    for key, inner in value.items():
        # What is neither text nor holds any is most of what there is.
        if isinstance(inner, str | dict | list):
            yield from _in_value(inner, prefix + key, names_credential(key))


def _in_value(value: Json, path: str, named: bool) -> Iterator[Violation]:
    if isinstance(value, str):
        form = form_of_credential(value)
        if form:
            yield Violation(path, f"it looks like {form}")
        elif named and not is_reference(value):
            yield Violation(path, _BY_NAME)
    elif isinstance(value, dict):
        yield from _in_object(value, f"{path}.")
    elif isinstance(value, list):
        for position, element in enumerate(value):
            if isinstance(element, str | dict | list):
                yield from _in_value(element, f"{path}.{position}", named)


def _judge(violations: Iterable[Violation], record: CollectionRecord, what: str) -> None:
    told = first_of(violations)
    if not told.number:
        return
    if record.secrets is SecretsPolicy.WARN:
        _log.warning(
            "seems to hold secrets", what=what, collection=record.collection_id, secrets=told.number, paths=told.paths
        )
        return
    raise DataError(
        Reason.VALIDATION_FAILED,
        f"The {what} seems to hold a secret, which '{record.collection_id}' does not take (secrets: refuse): "
        f"{told.text}. Store a reference to it (api_key_ref: 'env:API_KEY', password_ref: 'vault:db/password') or a "
        f"hash (password_hash). If it has to be stored, {record.service}'s manifest allows it with `secrets: off` (or "
        f"`warn`) under dataRequirements.collections, at '{record.name}'.",
        violations=told.violations,
    )
