"""Does `from_config` read the shape that services have, and say what is missing?"""

from pathlib import Path

import pytest

from aol_client import AOLDataClient, ConfigurationError, DataClientError, InvalidRequestError

GOOD = """
metadata: {name: my-service, version: "1.0.0"}
spec:
  endpoints: []
  dataClient: {aolCoreEndpoint: "aol-core:50051", other: 1}
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_endpoint_and_name_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert repr(AOLDataClient.from_config(path)) == "AOLDataClient('aol-core:50051', 'my-service')"
    assert repr(AOLDataClient.from_config(str(path), timeout=3.0, token="t", tls=False)) == repr(
        AOLDataClient.from_config(path)
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "metadata|spec"),
        ("[]", "spec"),
        ("metadata: {name: a}", "the key spec is missing"),
        ("metadata: {name: a}\nspec: {}", "the key spec.dataClient is missing"),
        ("metadata: {name: a}\nspec: {dataClient: x}", "the key spec.dataClient.aolCoreEndpoint is missing"),
        ("metadata: {name: a}\nspec: {dataClient: {}}", "the key spec.dataClient.aolCoreEndpoint is missing"),
        ("metadata: {name: a}\nspec: {dataClient: {aolCoreEndpoint: 5}}", "aolCoreEndpoint must be a non-empty string"),
        ("metadata: {name: a}\nspec: {dataClient: {aolCoreEndpoint: ''}}", "must be a non-empty string"),
        ("spec: {dataClient: {aolCoreEndpoint: 'a:1'}}", "the key metadata is missing"),
        ("metadata: {name: }\nspec: {dataClient: {aolCoreEndpoint: 'a:1'}}", "metadata.name must be"),
    ],
)
def test_what_is_missing_is_named_with_its_file(tmp_path: Path, text: str, named: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=named) as caught:
        AOLDataClient.from_config(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["password: hunter2: [", "a: \x01hunter2", b"\xff\xfehunter2", "!!python/object:x hunter2"]
)
def test_a_file_that_is_not_yaml_is_refused_without_repeating_it(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(DataClientError, match="YAML") as caught:
        AOLDataClient.from_config(written(tmp_path, text))
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_an_os_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.yaml"):
        AOLDataClient.from_config(tmp_path / "config.yaml")


def test_a_name_that_no_service_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="service"):
        AOLDataClient.from_config(written(tmp_path, GOOD.replace("my-service", "My Service")))
