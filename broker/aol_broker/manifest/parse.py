"""What does this manifest declare? From YAML text to frozen values, or to one error with everything that is wrong."""

import pathlib
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from aol_broker.audit.policy import AuditLevel, AuditPolicy
from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.manifest.models import (
    CollectionModel,
    DataRequirementsModel,
    IndexModel,
    ManifestModel,
    SharingModel,
    StorageModel,
)
from aol_broker.manifest.rules import broken_rules
from aol_broker.manifest.security import read_security
from aol_broker.manifest.seeds import read_seeds
from aol_broker.manifest.sharing import read_limits
from aol_broker.manifest.storage import read_storage
from aol_broker.registry.snapshot import Permission, SecretsPolicy, Validation
from aol_broker.validation_problems import problems_of
from aol_broker.yaml_events import Location
from aol_broker.yaml_text import (
    Problem,
    YamlDocument,
    YamlError,
    describe_problems,
    read_text,
    read_yaml,
)
from aol_wire.errors import DataError, Reason, Violation
from aol_wire.filters import Path
from aol_wire.index_parser import parse_index
from aol_wire.indexes import IndexSpec
from aol_wire.paths import parse_path
from aol_wire.schema_hint import parse_schema_hint

PROBLEMS_SHOWN = 50


def read_manifest(path: pathlib.Path) -> str:
    """Return the text of a manifest file.

    :raises DataError: BAD_MANIFEST, it cannot be read, is too large or not UTF-8.
    """
    try:
        return read_text(path)
    except YamlError as error:
        raise _bad(error.problems, str(path)) from None


def parse_manifest(text: str, source: str) -> Manifest:
    """Return what a manifest declares.

    This may take a minute for a text near the bound of 1 MiB; on an event loop, run it in a thread.

    :param source: the file's name, for messages.
    :raises DataError: BAD_MANIFEST; its message and violations name every problem (the first 50) with file, line, path
        and the nearest valid name. What is no YAML at all is one problem.
    """
    try:
        document = read_yaml(text)
    except YamlError as error:
        raise _bad(error.problems, source) from None
    model, form = _form(document)
    # The form of a part comes before the rules about it, or about what is in it.
    inside = {location[:size] for location in form for size in range(len(location))}
    found = dict(form)
    for location, what in broken_rules(document.value):
        if location not in inside and not any(location[:size] in form for size in range(len(location) + 1)):
            found[location] = what
    if model is None or found:
        raise _bad([document.problem(*item) for item in found.items()], source)
    return _declared(model, document)


def _form(document: YamlDocument) -> tuple[ManifestModel | None, dict[Location, str]]:
    try:
        return ManifestModel.model_validate(document.value), {}
    except ValidationError as error:
        return None, dict(problems_of(error, ManifestModel))


def _bad(problems: Sequence[Problem], source: str) -> DataError:
    ordered = sorted(problems, key=lambda problem: problem.line)
    return DataError(
        Reason.BAD_MANIFEST,
        describe_problems(ordered, source, PROBLEMS_SHOWN),
        violations=tuple(Violation(item.place(source), item.text) for item in ordered[:PROBLEMS_SHOWN]),
    )


def _declared(model: ManifestModel, document: YamlDocument) -> Manifest:
    version = document.scalars.get(("metadata", "version"), "")
    requirements = (model.spec and model.spec.data_requirements) or DataRequirementsModel(enabled=False)
    if not requirements.enabled:
        return Manifest(model.metadata.name, version)
    return Manifest(
        model.metadata.name,
        version,
        tuple(_collection(collection) for collection in requirements.collections or ()),
        tuple(
            AccessRequest(request.collection, Permission(request.permission), request.reason or "")
            for request in requirements.access_requests or ()
        ),
    )


def _collection(model: CollectionModel) -> DeclaredCollection:
    storage = model.storage or StorageModel()
    hint = parse_schema_hint(model.schema_hint or {})
    return DeclaredCollection(
        name=model.name,
        description=model.description or "",
        schema_hint=hint.types,
        field_rules=hint.rules,
        indexes=tuple(_index(index) for index in model.indexes or ()),
        soft_delete=model.soft_delete,
        validation=Validation(model.validation),
        secrets=SecretsPolicy(model.secrets),
        sharing=tuple(_sharing(item) for item in model.sharing or ()),
        adapter=storage.adapter or "",
        storage=read_storage(storage.model_dump(by_alias=True)),
        audit=AuditPolicy(AuditLevel(model.audit), _paths(model.sensitive or ())),
        security=read_security(model.security.model_dump() if model.security is not None else None),
        seeds=tuple(read_seeds(seed.model_dump(by_alias=True)) for seed in model.seeds or ()),
    )


def _sharing(model: SharingModel) -> Sharing:
    limits = read_limits(model.fields, model.where, model.expires)
    return Sharing(model.service, Permission(model.permission), limits)


def _paths(texts: Iterable[str]) -> tuple[Path, ...]:
    """Return paths in an order that says nothing, so that writing them in another one changes nothing."""
    return tuple(sorted({parse_path(text) for text in texts}))


def _index(model: IndexModel) -> IndexSpec:
    return parse_index(model.model_dump(by_alias=True, exclude_none=True), "index")
