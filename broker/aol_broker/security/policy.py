"""What has a collection's owner declared of record-level security? The values of `security` in its manifest."""

from dataclasses import dataclass
from enum import StrEnum


class TenantRule(StrEnum):
    """Which documents of a collection have tenants."""

    NONE = ""
    OPTIONAL = "optional"
    """Some: a call reaches the documents of its tenant, or those without one, and never both."""
    REQUIRED = "required"
    """All."""


@dataclass(frozen=True, slots=True)
class SecurityPolicy:
    """What a call must meet. The default is no security: the collection's grants decide alone.

    `acl` comes only with `owner`. `attributes` are filters as JSON text with sorted keys, in which `"$context.NAME"`
    stands for what the call's context says.
    """

    tenant: TenantRule = TenantRule.NONE
    owner: bool = False
    acl: bool = False
    attributes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.tenant or self.owner or self.acl or self.attributes)


NO_SECURITY = SecurityPolicy()
