"""What does a service's manifest declare? Reading, checking and publishing the form of `spec.dataRequirements`."""

from aol_broker.manifest.declaration import Manifest
from aol_broker.manifest.parse import parse_manifest, read_manifest

__all__ = ["Manifest", "parse_manifest", "read_manifest"]
