"""Secrets in documents: found under their names and by their forms, however they are written, and told without them."""

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from aol_broker.admission import admit_document, admit_update
from aol_broker.audit.secret_names import names_secret
from aol_broker.credentials import FORMS, form_of_credential, is_reference, may_hold_credential, names_credential
from aol_broker.registry.snapshot import CollectionRecord, SecretsPolicy
from aol_wire.errors import DataError, Reason
from aol_wire.update_parser import parse_update

CANARY = "hunter2-4711"
# Made of two parts, so that no scanner takes this file to hold one.
TOKEN = "ghp" + "_" + "0a" * 18

RECORD = CollectionRecord("shop", "things", "memory")

NAMES = [
    "password", "passwd", "pwd", "passphrase", "db_password", "user_password", "admin_password", "root_password",
    "database_password", "smtp_password", "api_key", "api_secret", "api_token", "access_token", "refresh_token",
    "auth_token", "bearer_token", "session_token", "client_secret", "app_secret", "webhook_secret", "private_key",
    "secret_key", "signing_key", "encryption_key", "ssh_key", "secret_access_key", "aws_secret_access_key",
]  # fmt: skip


def spellings(name: str) -> list[str]:
    first, *more = name.split("_")
    camel = first + "".join(part.title() for part in more)
    return [name, name.upper(), name.replace("_", "-"), name.replace("_", ""), camel, name.title().replace("_", "-")]


def paths_of(error: DataError) -> list[str]:
    assert CANARY not in str(error)
    assert TOKEN not in str(error)
    return [violation.path for violation in error.violations]


def found(document: Any, text: str | None = None) -> list[str]:
    try:
        admit_document(json.dumps(document) if text is None else text, "x", RECORD)
    except DataError as error:
        if error.reason is not Reason.VALIDATION_FAILED:
            raise
        return paths_of(error)
    return []


def found_in_update(update: Any) -> list[str]:
    try:
        admit_update(parse_update(json.dumps(update)), RECORD)
    except DataError as error:
        if error.reason is not Reason.VALIDATION_FAILED:
            raise
        return paths_of(error)
    return []


@pytest.mark.parametrize("name", NAMES)
def test_a_text_under_the_name_of_a_credential_is_refused_however_the_name_is_spelled(name: str) -> None:
    for spelled in spellings(name):
        assert found({"a": {spelled: CANARY}}) == [f"a.{spelled}"]
        assert found_in_update({spelled: CANARY}) == [spelled]


@pytest.mark.parametrize("name", NAMES)
def test_the_audit_hides_whatever_stands_under_such_a_name(name: str) -> None:
    assert all(names_secret(spelled) for spelled in spellings(name))


OTHER_NAMES = [
    "password_hash", "passwordHash", "api_key_ref", "password_ref", "password_hint", "passwords", "key", "keys",
    "token", "secret", "tokens_used", "monkey", "passenger", "public_key", "api_keys_count", "compassword", "key_id",
    "x",
]  # fmt: skip


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_other_names_are_nothing_to_it(name: str) -> None:
    assert found({name: CANARY, "a": [{name: CANARY}]}) == []


@pytest.mark.parametrize(
    "value",
    ["env:API_KEY", "vault:db/password", "vault:secret/data/x#key", "file:/run/secrets/x", "op://vault/item/field", "",
     "arn:aws:secretsmanager:eu-central-1:1:secret:x", "aws-sm:x", "projects/p/secrets/s/versions/1", "${API_KEY}",
     "{{ vault.x }}", "secret:x", "k8s:ns/name/key"],
)  # fmt: skip
def test_a_reference_is_taken_under_any_name(value: str) -> None:
    assert is_reference(value)
    assert found({"password": value, "api_key": [value]}) == []
    assert found_in_update({"password": value}) == []


@pytest.mark.parametrize("value", ["env", "env:", "vault: x", "https://x:y@z", "environment", CANARY, "$ecret"])
def test_what_is_no_reference_is_refused(value: str) -> None:
    assert found({"password": value}) == ["password"]


def test_only_text_is_a_secret() -> None:
    assert found({"password": None, "pwd": 5, "api_key": True, "passwd": {"x": CANARY, "length": 8}}) == []
    assert found({"api_key": [1, CANARY, [CANARY]], "passwd": {"password": CANARY}}) == [
        "api_key.1",
        "api_key.2.0",
        "passwd.password",
    ]


@pytest.mark.parametrize(
    ("update", "paths"),
    [
        ({"a.password": CANARY}, ["a.password"]),
        ({"password.0": CANARY}, ["password.0"]),
        ({"a": {"b": [{"password": CANARY}]}}, ["a.b.0.password"]),
        ({"$push": {"password": CANARY}}, ["password"]),
        ({"$push": {"list": {"password": CANARY}}}, ["list.password"]),
        ({"$set": {"note": f"see {TOKEN}."}}, ["note"]),
        ({"$unset": {"password": 1}, "$inc": {"pwd": 1}}, []),
        ({"0": CANARY, "password.hash": CANARY}, []),
    ],
)
def test_an_update_is_read_too(update: Any, paths: list[str]) -> None:
    assert found_in_update(update) == paths


@pytest.mark.parametrize(
    "text",
    [
        r'{"\u0070assword": "%s"}',
        r'{"pass\u0077ord" : "%s"}',
        '{"password"\n:\t"%s"}',
        '{"x": 1.0, "PassWord":"%s"}',
    ],
)
def test_no_way_to_write_a_name_leads_around_it(text: str) -> None:
    assert len(found(None, text % CANARY)) == 1


@pytest.mark.parametrize("text", [r'{"x": "\u0067%s"}', r'{"x": "a\n%s"}', r'{"x": "\t%s\n"}', r'{"x": "\/%s"}'])
def test_no_way_to_write_a_token_leads_around_it(text: str) -> None:
    assert found(None, text % (TOKEN[1:] if "0067" in text else TOKEN)) == ["x"]


@pytest.mark.parametrize(("kind", "begin", "rest"), FORMS, ids=[begin for _, begin, _ in FORMS])
def test_each_form_is_known_wherever_it_stands(kind: str, begin: str, rest: str) -> None:
    form = st.from_regex(
        re.compile(f"(?:{begin})(?:{rest.removesuffix('b').removesuffix(chr(92))})", re.ASCII), fullmatch=True
    )

    @given(form, st.sampled_from(["{}", "key={}", "Bearer {}", "https://{}@host", "line\n{}\n", "({})", '"{}"']))
    def known(value: str, around: str) -> None:
        text = around.format(value)
        assert form_of_credential(text) == kind
        assert may_hold_credential(json.dumps({"x": text}))
        assert may_hold_credential(json.dumps({"x": text}, ensure_ascii=False))

    known()


def test_a_private_key_is_known_by_its_head() -> None:
    for name in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA "):
        assert found({"x": f"Bag\n-----BEGIN {name}PRIVATE KEY-----\nMIIE\n"}) == ["x"]
    assert found({"x": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n"}) == ["x"]
    assert found({"x": "-----BEGIN PUBLIC KEY-----\n", "y": "-----BEGIN CERTIFICATE-----", "z": "a PRIVATE KEY"}) == []


ORDINARY = st.one_of(
    st.uuids().map(str),
    st.binary(min_size=16, max_size=40).map(bytes.hex),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.text(max_size=60),
    st.from_regex(r"[A-Za-z0-9+/]{20,60}={0,2}", fullmatch=True),
    st.sampled_from(["sk-SK", "ASIA", "hf_", "npm_install", "gh_pages", "SG.", "risk-ant-", "xox", "AKIA", "dapi"]),
)


@given(st.dictionaries(st.text(min_size=1, max_size=9).filter(lambda key: key[0] not in "_$" and "." not in key
                                                               and "\0" not in key), ORDINARY, max_size=4))  # fmt: skip
def test_ordinary_values_are_taken(document: dict[str, str]) -> None:
    clean = {key: value.replace("\0", "") for key, value in document.items() if not names_credential(key)}
    assert found(clean) == []


@given(st.sampled_from([spelled for name in NAMES for spelled in spellings(name)]), st.randoms(use_true_random=False))
def test_the_fast_look_misses_no_name_in_whatever_escapes(name: str, chance: random.Random) -> None:
    written = "".join(f"\\u{ord(letter):04x}" if chance.random() < 0.2 else letter for letter in name)
    text = f'{{"a": [{{"{written}": "{CANARY}"}}]}}'
    assert found(None, text) == [f"a.0.{name}"]


def test_a_refusal_says_where_and_what_to_do() -> None:
    with pytest.raises(DataError) as caught:
        admit_document(json.dumps({"config": {"api_key": CANARY}, "note": TOKEN}), "x", RECORD)
    message = caught.value.message
    assert "'shop.things'" in message
    assert "config.api_key: its name is one of a credential" in message
    assert "note: it looks like a GitHub token" in message
    for advice in ("env:API_KEY", "vault:db/password", "password_hash", "secrets: off", "'things'"):
        assert advice in message


def test_a_collection_that_warns_logs_paths_and_one_that_is_off_says_nothing() -> None:
    document = json.dumps({"password": CANARY, "list": [TOKEN] * 30})
    with capture_logs() as logs:
        admit_document(document, "x", CollectionRecord("shop", "things", "memory", secrets=SecretsPolicy.WARN))
        off = CollectionRecord("shop", "things", "memory", secrets=SecretsPolicy.OFF)
        admit_document(document, "x", off)
        admit_update(parse_update(document), off)
    assert [(line["collection"], line["what"], line["secrets"]) for line in logs] == [("shop.things", "document", 31)]
    assert logs[0]["paths"][:2] == ["password", "list.0"]
    assert CANARY not in str(logs)
    assert TOKEN not in str(logs)
