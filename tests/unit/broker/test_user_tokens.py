"""Is an end user believed to be who a token says, and nobody else, whatever the token is made to look like?"""

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from pydantic import ValidationError

from aol.admin.v1 import admin_pb2
from aol.data.v1 import data_broker_pb2 as pb
from aol.data.v1.context_pb2 import SecurityContext
from aol_broker.identities.issuer_keys import IssuerKeys
from aol_broker.security.deciding import RecordSecurity
from aol_broker.security.user_tokens import ConfiguredUserTokens, UserTokenVerifier, configured_user_tokens
from aol_broker.settings import SettingsError, load_settings
from aol_broker.verifier_settings import UserTokenSettings
from aol_wire.errors import DataError, Reason
from issuers import ISSUER, Issuer, encoded, good_claims
from line import Line

USERS = "aol-users"
SETTINGS = UserTokenSettings.model_validate(
    {
        "issuer": ISSUER,
        "audience": USERS,
        "jwks_file": "keys.json",
        "tenant_claim": "org",
        "teams_claim": "groups",
        "roles_claim": "roles",
        "attributes": {"regions": "https://example/regions", "level": "level"},
    }
)
MANIFEST = """\
metadata: {name: my-service}
spec:
  dataRequirements:
    collections:
      - name: orders
        security: {tenant: required, owner: true, acl: true}
        sharing: [{service: app, permission: read}]
      - {name: regional, security: {attributes: [{region: {"$in": "$context.regions"}}]}}
"""
ASKING = """\
metadata: {name: app}
spec:
  dataRequirements:
    accessRequests: [{collection: my-service.orders, permission: read}]
"""
ANN: dict[str, Any] = {"aud": USERS, "sub": "ann", "org": "north"}


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def verifier_of(source: list[bytes]) -> UserTokenVerifier:
    """A verifier by the keys that are last in `source`."""
    return UserTokenVerifier(SETTINGS, IssuerKeys(ISSUER, lambda: source[-1], refresh_s=300))


@pytest.fixture
async def line(tmp_path: Path, issuer: Issuer) -> AsyncIterator[Line]:
    tokens = ConfiguredUserTokens([verifier_of([issuer.key_set()])])
    await tokens.open()
    line = Line(tmp_path, security=RecordSecurity(tokens))
    await line.start()
    for manifest in (MANIFEST, ASKING):
        assert (await line.operate("ApplyManifest", admin_pb2.ApplyManifestRequest(manifest=manifest))).error is None
    yield line
    await line.stop()


def count(token: str, collection: str = "my-service.orders", **beside: Any) -> pb.CountDataRequest:
    return pb.CountDataRequest(collection=collection, context=SecurityContext(token=token, **beside))


async def test_a_user_s_own_token_needs_no_word_of_the_service(line: Line, issuer: Issuer) -> None:
    own = SecurityContext(token=issuer.token(**ANN))
    store = pb.StoreDataRequest(collection="orders", document='{"_id": "1"}', context=own)
    assert (await line.call("StoreData", store)).error is None
    counts = []
    for claims in (ANN, {**ANN, "sub": "bob"}, {**ANN, "org": "south"}):
        reply = await line.call("CountData", count(issuer.token(**claims)), service="app")
        counts.append(pb.CountDataResponse.FromString(reply.payload).count)
    assert counts == [1, 0, 0]
    records = [record for record in line.records() if record["operation"] == "count"]
    assert [(record["security"], record["tenant"], record["user"]) for record in records] == [
        ("token", "north", "ann"),
        ("token", "north", "bob"),
        ("token", "south", "ann"),
    ]


async def test_teams_roles_and_attributes_are_those_of_the_claims(line: Line, issuer: Issuer) -> None:
    for number, region in enumerate(("eu", "us", "asia")):
        body = json.dumps({"_id": str(number), "region": region})
        context = SecurityContext(user="x", attributes=json.dumps({"regions": [region]}))
        assert (
            await line.call("StoreData", pb.StoreDataRequest(collection="regional", document=body, context=context))
        ).error is None
    token = issuer.token(**{**ANN, "org": None, "https://example/regions": ["eu", "asia"], "level": None})
    reply = await line.call("CountData", count(token, "regional"))
    assert pb.CountDataResponse.FromString(reply.payload).count == 2
    store = pb.StoreDataRequest(
        collection="orders",
        document='{"_id": "1", "_acl": {"read": ["team:ops", "role:lead"]}}',
        context=SecurityContext(token=issuer.token(**ANN)),
    )
    assert (await line.call("StoreData", store)).error is None
    counts = []
    said: list[dict[str, Any]] = [{"groups": ["ops"]}, {"roles": ["lead"]}, {"groups": ["lead"], "roles": ["ops"]}, {}]
    for claims in said:
        reply = await line.call("CountData", count(issuer.token(**{**ANN, "sub": "bob", **claims})))
        counts.append(pb.CountDataResponse.FromString(reply.payload).count)
    assert counts == [1, 1, 0, 0]


NOW = int(time.time())
FORGED: dict[str, Callable[[Issuer], str]] = {
    "no token": lambda issuer: "ann",
    "unsigned": lambda issuer: f"{encoded({'alg': 'none'})}.{encoded({**good_claims(), **ANN})}.",
    "signed with the public key as a secret": lambda issuer: jwt.PyJWS().encode(
        json.dumps({**good_claims(), **ANN}).encode(), "x" * 64, "HS256", headers={"kid": "ec"}
    ),
    "another's key": lambda issuer: issuer.token("other", headers={"kid": "ec"}, **ANN),
    "an unknown key": lambda issuer: issuer.token("other", **ANN),
    "changed": lambda issuer: _changed(issuer.token(**ANN)),
    "expired": lambda issuer: issuer.token(**ANN, exp=NOW - 120),
    "not valid yet": lambda issuer: issuer.token(**ANN, nbf=NOW + 7200, exp=NOW + 9000),
    "without expiry": lambda issuer: issuer.token(**ANN, exp=None),
    "a service's": lambda issuer: issuer.token(),
    "another issuer's": lambda issuer: issuer.token(**ANN, iss="https://other.example"),
    "no issuer": lambda issuer: issuer.token(**ANN, iss=None),
    "a tenant that is none": lambda issuer: issuer.token(**{**ANN, "org": ["north"]}),
    "a tenant with a control character": lambda issuer: issuer.token(**{**ANN, "org": "nor\nth"}),
    "teams in a text": lambda issuer: issuer.token(**ANN, groups="ops,dev"),
    "a nested attribute": lambda issuer: issuer.token(**ANN, level={"$gt": 0}),
    "an endless attribute": lambda issuer: issuer.token(**ANN, level=10**400),
    "an infinite attribute": lambda issuer: issuer.token(**ANN, level=float("inf")),
}


def _changed(token: str) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{encoded({**good_claims(), **ANN, 'sub': 'bob'})}.{signature}"


@pytest.mark.parametrize("kind", FORGED)
async def test_a_token_that_is_no_good_is_refused_and_not_repeated(line: Line, issuer: Issuer, kind: str) -> None:
    token = FORGED[kind](issuer)
    error = await line.refusal("CountData", count(token), service="app")
    assert error.reason is Reason.BAD_CREDENTIALS
    assert error.message.startswith("The user's token in the security context ")
    for part in (token, token.split(".")[-1] or token, "ann", "north", "nor", "ops"):
        assert part not in error.message.replace("none", "").replace("another", "").replace("cannot", "")
    record = line.records()[-1]
    assert (record["outcome"], record["reason"]) == ("denied", "BAD_CREDENTIALS")
    assert token not in json.dumps(record)
    assert "user" not in record


async def test_nothing_may_stand_beside_a_token(line: Line, issuer: Issuer) -> None:
    for beside in ({"user": "bob"}, {"tenant": "south"}, {"teams": ["ops"]}, {"roles": ["x"]}, {"attributes": "{}"}):
        error = await line.refusal("CountData", count(issuer.token(**ANN), **beside))
        assert error.reason is Reason.BAD_REQUEST
    error = await line.refusal("CountData", count("a" * 9000))
    assert error.reason is Reason.TOO_LARGE


async def test_what_was_verified_is_verified_again_when_the_keys_change(issuer: Issuer) -> None:
    source = [issuer.key_set("ec")]
    verifier = verifier_of(source)
    await verifier.keys.read()
    token = issuer.token(**ANN)
    assert (await verifier.context_of(token)).user == "ann"
    source.append(issuer.key_set("ed"))
    await verifier.keys.read()
    with pytest.raises(DataError):
        await verifier.context_of(token)
    source.append(issuer.key_set("ec"))
    await verifier.keys.read()
    assert (await verifier.context_of(token)).user == "ann"


BASE = {"issuer": ISSUER, "audience": USERS, "jwks_file": "keys.json"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"jwks_url": "https://issuer.example/keys"},
        {"jwks_file": None},
        {"attributes": {"user": "sub"}},
        {"attributes": {"regions": ""}},
        {"user_claim": ""},
        {"users": "sub"},
    ],
    ids=str,
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    UserTokenSettings.model_validate(BASE)
    with pytest.raises(ValidationError):
        UserTokenSettings.model_validate({**BASE, **wrong})


def test_users_tokens_are_apart_from_services_and_from_each_other(tmp_path: Path) -> None:
    verifier = {"type": "jwt", "issuer": ISSUER, "audience": "aol-broker", "jwks_file": "keys.json"}
    values = {"data_dir": str(tmp_path), "authentication": {"verifiers": [verifier]}}
    load_settings(None, {**values, "security": {"user_tokens": [BASE]}})
    for user_tokens, word in (
        ([{**BASE, "audience": "aol-broker"}], "another audience"),
        ([BASE, BASE], "same issuer"),
    ):
        with pytest.raises(SettingsError, match=word):
            load_settings(None, {**values, "security": {"user_tokens": user_tokens}})
    assert configured_user_tokens([]) is None
