"""Does the configuration leave nothing open of who is believed, and say so without what is configured?"""

from pathlib import Path

import pytest

from aol_broker.settings import SettingsError, load_settings

SECRET = "s3cret-s3cret-s3cret"
JWT = "type: jwt, issuer: i, audience: a"


@pytest.mark.parametrize(
    ("verifiers", "hint"),
    [
        ("[{type: tokn}]", "did you mean 'token'?"),
        ("[{type: token}, {type: token}]", "two verifiers of one type"),
        ("[{type: insecure}, {type: insecure}]", "two verifiers of one type"),
        (f"[{{{JWT}, jwks_file: x}}, {{{JWT}, jwks_file: y}}]", "the same issuer"),
        (f"[{{{JWT}}}]", "either jwks_file or jwks_url"),
        (f"[{{{JWT}, jwks_file: x, jwks_url: 'https://h/'}}]", "either jwks_file or jwks_url"),
        (f"[{{{JWT}, jwks_file: x, ca_file: y}}]", "ca_file goes with jwks_url"),
        (f"[{{{JWT}, jwks_url: 'http://127.0.0.1:1/'}}]", "https://"),
        (f"[{{{JWT}, jwks_url: 'http://h/', loopback_http: true}}]", "https://"),
        (f"[{{{JWT}, jwks_url: 'file:///etc/passwd', loopback_http: true}}]", "https://"),
        (f"[{{{JWT}, jwks_url: 'https://u:{SECRET}@h/'}}]", "without a user or password"),
        (f"[{{{JWT}, jwks_url: 'https:///x'}}]", "https://"),
        (f"[{{{JWT}, jwks_url: 'https://h:x/'}}]", "https://"),
        (f"[{{{JWT}, jwks_file: x, service: no-place}}]", "{service}"),
        (f"[{{{JWT}, jwks_file: x, leeway_s: 301}}]", "less than or equal to 300"),
        (f"[{{{JWT}, jwks_file: x, algorithms: [HS256]}}]", "algorithms"),
        ("[{type: jwt, audience: a, jwks_file: x}]", "issuer"),
        ("[{type: jwt, issuer: i, jwks_file: x}]", "audience"),
        ("[{type: mtls}]", "services, uri, dns or operators"),
        ("[{type: mtls, services: {'spiffe://a': Not A Name}}]", "a service name is"),
        ("[{type: mtls, services: {a: b}, operators: [a]}]", "only one of them"),
        ("[{type: mtls, uri: '{service}'}]", "{service}"),
    ],
)
def test_verifiers_that_leave_something_open_are_refused(tmp_path: Path, verifiers: str, hint: str) -> None:
    file = tmp_path / "broker.yaml"
    file.write_text(f"authentication: {{verifiers: {verifiers}}}")
    with pytest.raises(SettingsError) as refused:
        load_settings(file)
    message = str(refused.value)
    assert message.startswith("1 problem in broker.yaml")
    assert "authentication.verifiers" in message
    assert hint in message
    assert SECRET not in message
