"""What may stand in a manifest? The form of `spec.dataRequirements`; the rest of the file belongs to other tools."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from aol_broker.manifest.storage import RETENTION, RETENTION_FORM
from aol_wire.datetimes import to_us
from aol_wire.errors import DataError
from aol_wire.limits import (
    COLLECTION_MAX_INDEXES,
    DESCRIPTION_MAX_CHARACTERS,
    GRANT_MAX_FIELDS,
    GRANT_REASON_MAX_CHARACTERS,
    INDEX_MAX_FIELDS,
    SECURITY_MAX_CONDITIONS,
    SEEDS_MAX_DOCUMENTS,
    SEEDS_MAX_KEY_PATHS,
    SENSITIVE_MAX_PATHS,
    SENSITIVE_PATH_MAX_CHARACTERS,
)
from aol_wire.names import ADAPTER, COLLECTION, SERVICE, check_collection, check_service
from aol_wire.paths import parse_path

_PATH_SCHEMA = {"type": "string", "minLength": 1, "description": "A path of object keys, as a.b."}
_DIRECTION_SCHEMA = {"enum": ["asc", "desc"]}
_INDEX_FIELD_SCHEMA = {
    "anyOf": [
        _PATH_SCHEMA,
        {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": _DIRECTION_SCHEMA},
    ]
}
_VERSION_SCHEMA = {"type": ["string", "number"]}


def _checked(check: Callable[[str], str]) -> AfterValidator:
    def validate(name: str) -> str:
        try:
            return check(name)
        except DataError as error:
            raise ValueError(error.violations[0].description) from None

    return AfterValidator(validate)


def _check_collection_id(name: str) -> str:
    service, dot, collection = name.partition(".")
    if not dot:
        raise ValueError("a collection of another service is written other-service.collection")
    check_service(service)
    check_collection(collection)
    return name


def _check_path(text: str) -> str:
    parse_path(text)
    return text


def _plain(version: object) -> object:
    if isinstance(version, dict | list):
        raise ValueError("is text or a number")  # noqa: TRY004 - pydantic collects ValueErrors only
    return version


def _adapter_name(name: str) -> str:
    if ADAPTER.fullmatch(name) is None:
        raise ValueError("an adapter's name is a lower-case letter followed by a-z, 0-9, '_' and '-'")
    return name


def _off(value: object) -> object:
    """YAML 1.1 reads `off` as false."""
    return "off" if value is False else value


def _retention(text: object) -> object:
    if not isinstance(text, str) or RETENTION.fullmatch(text) is None:
        raise ValueError(RETENTION_FORM)
    return text


def _moment(text: object) -> object:
    us = to_us(text) if isinstance(text, str) else None
    if us is None or us < 0:
        raise ValueError("it is a date-time since 1970, as 2026-12-31T00:00:00Z")
    return text


ServiceName = Annotated[str, _checked(check_service), Field(json_schema_extra={"pattern": f"^{SERVICE.pattern}$"})]
CollectionName = Annotated[
    str, _checked(check_collection), Field(json_schema_extra={"pattern": f"^{COLLECTION.pattern}$"})
]
CollectionId = Annotated[
    str,
    _checked(_check_collection_id),
    Field(json_schema_extra={"pattern": f"^{SERVICE.pattern}\\.{COLLECTION.pattern}$"}),
]
SensitivePath = Annotated[str, Field(min_length=1, max_length=SENSITIVE_PATH_MAX_CHARACTERS), _checked(_check_path)]
PermissionName = Literal["read", "write", "admin", "assert-context"]
_PERMISSION = (
    "read = query; write = insert, update, delete; admin = both, and grant and revoke; assert-context = say on whose "
    "behalf a call is made."
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _OpenPart(BaseModel):
    """A part in which other tools have keys of their own."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)


class IndexModel(_Part):
    """An index. What its fields and its type have to do with each other is checked afterwards."""

    fields: list[Annotated[Any, WithJsonSchema(_INDEX_FIELD_SCHEMA)]] = Field(
        min_length=1,
        max_length=INDEX_MAX_FIELDS,
        description="Paths; in a compound index also {path: desc}.",
    )
    type: Literal["ascending", "descending", "compound", "unique", "text", "ttl"] = Field(
        description="ascending, descending and ttl have one field, compound several, unique and text one or several."
    )
    expire_after_s: int | None = Field(
        default=None,
        alias="expireAfterSeconds",
        description="Only for ttl: how long after the field's time a document expires.",
    )


class SharingModel(_Part):
    """A permission that another service gets when its manifest asks for it."""

    service: ServiceName = Field(description="The service to share with.")
    permission: PermissionName = Field(description=_PERMISSION)
    fields: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=GRANT_MAX_FIELDS,
        description="Paths: only what is there and below can be seen or changed. All when not given.",
    )
    where: dict[str, Any] | None = Field(
        default=None, description="A filter: only documents that match it can be seen or changed."
    )
    expires: Annotated[str, BeforeValidator(_moment)] | None = Field(
        default=None, description="When it ends, as 2026-12-31T00:00:00Z."
    )


class StorageModel(_Part):
    """How a collection is kept. What its parts have to do with each other is checked afterwards."""

    adapter: Annotated[str, AfterValidator(_adapter_name)] | None = Field(
        default=None,
        description="The adapter, by its name in the broker's configuration; its default when not given.",
        json_schema_extra={"pattern": f"^{ADAPTER.pattern}$"},
    )
    partition_by: str | None = Field(
        default=None,
        alias="partitionBy",
        min_length=1,
        description="The time by which documents are put into partitions: created_at, or a datetime field.",
    )
    partition_interval: Literal["day", "month"] | None = Field(
        default=None, alias="partitionInterval", description="How much time a partition holds; a day when not given."
    )
    retain_for: Annotated[str, BeforeValidator(_retention)] | None = Field(
        default=None,
        alias="retainFor",
        description="How long partitions stay, as 90d or 36h; then they are dropped with their documents.",
        json_schema_extra={"pattern": f"^{RETENTION.pattern}$"},
    )
    tenancy: Literal["shared", "schema", "database"] = Field(
        default="shared", description="What tenants share: all, a database with a schema each, or a server."
    )
    shard_key: str | None = Field(
        default=None,
        alias="shardKey",
        min_length=1,
        description="By what documents are spread over several servers: _id, or a field.",
    )


class SecurityModel(_Part):
    """Which documents a call reaches, by on whose behalf it is made. What the conditions say is checked afterwards."""

    tenant: Literal["required", "optional"] | None = Field(
        default=None,
        description="Documents have tenants: all, or some. It is chosen when the collection is made, and stays.",
    )
    owner: bool = Field(default=False, description="Documents have owners, and a call reaches those of its user.")
    acl: bool = Field(default=False, description="Owners may let others in, by an access control list. Needs owner.")
    attributes: list[dict[str, Any]] | None = Field(
        default=None,
        max_length=SECURITY_MAX_CONDITIONS,
        description='Filters that documents must meet; "$context.NAME" stands for what the context says.',
    )


class SeedModel(_Part):
    """Documents that applying the manifest stores. What they may be is checked afterwards."""

    condition: Literal["always", "if_empty", "if_missing"] = Field(
        description="always: whenever it is applied, bring them to this content; if_empty: while the collection holds "
        "no document; if_missing: each that is not there."
    )
    data: dict[str, Any] | list[dict[str, Any]] = Field(
        description="A document, or a list of them. ${NAME} in a text stands for a variable of whoever applies it."
    )
    key: str | Annotated[list[str], Field(min_length=1, max_length=SEEDS_MAX_KEY_PATHS)] | None = Field(
        default=None,
        description="Paths by whose values a document without _id is found again. Its _id when not given.",
    )


class CollectionModel(_Part):
    """A collection that the service owns."""

    name: CollectionName = Field(description="Its name without the service's name before it.")
    description: str | None = Field(
        default=None, max_length=DESCRIPTION_MAX_CHARACTERS, description="What is in it, for people."
    )
    schema_hint: dict[str, Any] | None = Field(
        default=None,
        alias="schemaHint",
        description="Field path -> type name, or an object of type and rules; any other object is nested paths.",
    )
    indexes: list[IndexModel] | None = Field(
        default=None,
        max_length=COLLECTION_MAX_INDEXES,
        description="For fields that are often filtered or sorted by. One that is removed here stays in the database.",
    )
    sharing: list[SharingModel] | None = Field(default=None, description="Who may have access, should they ask.")
    soft_delete: bool = Field(
        default=False, alias="softDelete", description="Let delete only mark documents, so that they can be restored."
    )
    validation: Annotated[Literal["off", "warn", "strict"], BeforeValidator(_off)] = Field(
        default="off", description="How documents are held to the schema hint."
    )
    secrets: Annotated[Literal["refuse", "warn", "off"], BeforeValidator(_off)] = Field(
        default="refuse", description="What becomes of documents that seem to hold a password, a key or a token."
    )
    storage: StorageModel | None = Field(
        default=None, description="How it is kept. It is chosen when the collection is made, and stays."
    )
    audit: Literal["metadata", "shape", "values"] = Field(
        default="values",
        description="What audit records show of filters: nothing, their shape without values, or all of them.",
    )
    sensitive: list[SensitivePath] | None = Field(
        default=None,
        max_length=SENSITIVE_MAX_PATHS,
        description="Paths whose values, and all under them, audit records show as a keyed hash only.",
    )
    security: SecurityModel | None = Field(
        default=None, description="Record-level security: each call says on whose behalf it is made."
    )
    seeds: list[SeedModel] | None = Field(
        default=None,
        max_length=SEEDS_MAX_DOCUMENTS,
        description="Documents that are stored when the manifest is applied.",
    )


class AccessRequestModel(_Part):
    """A permission that the service needs on a collection of another."""

    collection: CollectionId = Field(description="other-service.collection")
    permission: PermissionName = Field(description=_PERMISSION)
    reason: str | None = Field(
        default=None, max_length=GRANT_REASON_MAX_CHARACTERS, description="Why, for the owner who decides."
    )


class DataRequirementsModel(_Part):
    """What the service owns in the data broker, and what it needs of others."""

    enabled: bool = Field(default=True, description="With false, nothing below counts.")
    collections: list[CollectionModel] | None = Field(default=None, description="Collections that this service owns.")
    access_requests: list[AccessRequestModel] | None = Field(
        default=None, alias="accessRequests", description="Collections of other services that this service needs."
    )


class MetadataModel(_OpenPart):
    """Who the manifest is of."""

    name: ServiceName = Field(description="The service.")
    version: Annotated[Any, AfterValidator(_plain), WithJsonSchema(_VERSION_SCHEMA)] = Field(
        default=None, description="The service's version."
    )


class SpecModel(_OpenPart):
    """What the service is made of."""

    data_requirements: DataRequirementsModel | None = Field(default=None, alias="dataRequirements")


class ManifestModel(_OpenPart):
    """The manifest of a service."""

    kind: str | None = None
    api_version: str | None = Field(default=None, alias="apiVersion")
    metadata: MetadataModel
    spec: SpecModel | None = None
