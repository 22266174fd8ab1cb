"""What does a service's config.yaml say about its data client?"""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

import yaml

from aol_client.exceptions import ConfigurationError

_ENDPOINT_KEY = ("spec", "dataClient", "aolCoreEndpoint")
_NAME_KEY = ("metadata", "name")


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Where the broker is, and who calls."""

    endpoint: str
    service_name: str


def read_config(path: str | PathLike[str]) -> ClientConfig:
    """Read `spec.dataClient.aolCoreEndpoint` and `metadata.name` of a YAML file; other keys belong to others.

    :raises OSError: the file cannot be read.
    :raises ConfigurationError: it is not YAML, or a key is missing or empty. Its text is not repeated, as a
        configuration may hold secrets.
    """
    file = fspath(path)
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{file}{place}: this is not YAML") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ConfigurationError(f"{file}: this is not YAML in UTF-8") from None
    return ClientConfig(_text(file, content, _ENDPOINT_KEY), _text(file, content, _NAME_KEY))


def _text(file: str, content: object, key: tuple[str, ...]) -> str:
    value = content
    for step, segment in enumerate(key):
        if not isinstance(value, Mapping) or segment not in value:
            missing = ".".join(key[: step + 1])
            raise ConfigurationError(f"{file}: the key {missing} is missing; the data client needs {'.'.join(key)}")
        value = value[segment]
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{file}: {'.'.join(key)} must be a non-empty string")
    return value
