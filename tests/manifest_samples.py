"""Which manifests do tests make at random? Small ones of two services that use each other's collections."""

from collections.abc import Mapping
from typing import Any

import yaml
from hypothesis import strategies as st

PERMISSIONS = ("read", "write", "admin")
FIELDS = ("a", "b", "at")
_TYPES = ("string", "number", "datetime")
_INDEXES = (
    {"fields": ["a"], "type": "ascending"},
    {"fields": ["a", {"b": "desc"}], "type": "compound"},
    {"fields": ["b"], "type": "unique"},
)


def _unique(items: st.SearchStrategy[Any], key: Any, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=most, unique_by=key)


def _collection(partner: str) -> st.SearchStrategy[dict[str, Any]]:
    sharing = st.builds(lambda permission: {"service": partner, "permission": permission}, st.sampled_from(PERMISSIONS))
    return st.fixed_dictionaries(
        {
            "name": st.sampled_from(("x", "y")),
            "description": st.sampled_from(("", "words")),
            "schemaHint": st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(_TYPES), max_size=3),
            "indexes": _unique(st.sampled_from(_INDEXES), str, 2),
            "sharing": _unique(sharing, str),
            "softDelete": st.booleans(),
            "validation": st.sampled_from(("off", "warn", "strict")),
            "audit": st.sampled_from(("metadata", "shape", "values")),
            "sensitive": st.lists(st.sampled_from(FIELDS), max_size=2),
        }
    )


def _request(partner: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "collection": st.sampled_from((f"{partner}.x", f"{partner}.y")),
            "permission": st.sampled_from(PERMISSIONS),
            "reason": st.sampled_from(("", "sums")),
        }
    )


def manifests(service: str, partner: str) -> st.SearchStrategy[str]:
    """Texts of manifests of a service that shares with another one and asks it for access."""
    return st.builds(
        lambda version, collections, requests: text(service, version, collections, requests),
        st.sampled_from(("1", "2")),
        _unique(_collection(partner), lambda item: item["name"]),
        _unique(_request(partner), lambda item: (item["collection"], item["permission"])),
    )


def text(
    service: str,
    version: str = "1",
    collections: list[dict[str, Any]] | None = None,
    requests: list[dict[str, Any]] | None = None,
) -> str:
    """Return the text of a manifest."""
    requirements: Mapping[str, Any] = {"collections": collections or [], "accessRequests": requests or []}
    return yaml.safe_dump(
        {"metadata": {"name": service, "version": version}, "spec": {"dataRequirements": requirements}}
    )
