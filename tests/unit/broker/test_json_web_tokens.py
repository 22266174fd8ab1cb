"""Is a JSON Web Token believed only when its issuer has signed it, for this broker, for now?"""

import hmac
import json
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
import pytest

from aol_broker.identities.issuer_keys import IssuerKeys
from aol_broker.identities.jwt_principals import JwtVerifier
from aol_broker.identities.routing import Identities
from aol_broker.request import Peer, Principal, Verified
from aol_broker.verifier_settings import JwtSettings, OperatorClaim
from aol_wire.errors import DataError, Reason
from issuers import AUDIENCE, ISSUER, Issuer, encoded, good_claims

OPERATOR = {"claim": "groups", "value": "platform"}


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def verifier(signer: Issuer, *, clock: Callable[[], float] = time.time, **settings: Any) -> JwtVerifier:
    values = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": "unread", "operators": OPERATOR, **settings}
    keys = IssuerKeys(values["issuer"], signer.key_set, refresh_s=300)
    return JwtVerifier(JwtSettings(type="jwt", **values), keys, clock)


async def believed(token: str, *verifiers: JwtVerifier) -> Principal:
    return await Identities("the-operators-token", issuers=verifiers, insecure=True).identify(
        Peer("", authorization=f"Bearer {token}")
    )


async def refusal(token: str, *verifiers: JwtVerifier) -> DataError:
    """A token is refused where names are believed too, and the error repeats nothing of it."""
    with pytest.raises(DataError) as caught:
        await Identities("the-operators-token", issuers=verifiers, insecure=True).identify(
            Peer("", service="crew", authorization=f"Bearer {token}")
        )
    assert token not in caught.value.message
    assert not any(part in caught.value.message for part in token.split(".") if len(part) > 8)
    assert "hunter2" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("name", ["rsa", "ec", "ed"])
async def test_a_token_of_the_issuer_is_believed(issuer: Issuer, name: str) -> None:
    assert await believed(issuer.token(name), verifier(issuer)) == Principal("crew", verified_by=Verified.JWT)


@pytest.mark.parametrize("algorithm", ["RS384", "RS512"])
async def test_a_key_serves_the_algorithms_of_its_kind(issuer: Issuer, algorithm: str) -> None:
    token = jwt.encode(good_claims(), issuer.keys["rsa"], algorithm, headers={"kid": "rsa"})
    assert (await believed(token, verifier(issuer))).service == "crew"


async def test_one_of_several_audiences_will_do_and_a_day_s_leeway_will_not(issuer: Issuer) -> None:
    now = int(time.time())
    assert (await believed(issuer.token(aud=["x", AUDIENCE]), verifier(issuer))).service == "crew"
    late, early = issuer.token(exp=now - 20), issuer.token(nbf=now + 20, iat=now + 20)
    assert (await believed(late, verifier(issuer))).service == "crew"
    assert (await believed(early, verifier(issuer))).service == "crew"
    assert (await refusal(late, verifier(issuer, leeway_s=5))).reason is Reason.BAD_CREDENTIALS
    assert (await refusal(early, verifier(issuer, leeway_s=5))).reason is Reason.BAD_CREDENTIALS


NOW = int(time.time())
CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": NOW - 3600}, "has expired"),
    "without exp": ({"exp": None}, "lacks the claim exp"),
    "exp that is no number": ({"exp": "hunter2"}, "malformed"),
    "exp beyond time": ({"exp": 1e308}, ""),
    "not yet": ({"nbf": NOW + 3600}, "not valid yet"),
    "issued later": ({"iat": NOW + 3600}, "not valid yet"),
    "another issuer": ({"iss": "https://hunter2.example"}, "another issuer"),
    "an issuer that begins so": ({"iss": f"{ISSUER}.evil.example"}, "another issuer"),
    "without issuer": ({"iss": None}, "lacks the claim iss"),
    "an issuer that is a list": ({"iss": [ISSUER]}, ""),
    "another audience": ({"aud": "hunter2"}, "another audience"),
    "no audience": ({"aud": []}, ""),
    "without audience": ({"aud": None}, "lacks the claim aud"),
    "an audience that is a number": ({"aud": 7}, ""),
    "without subject": ({"sub": None}, "no service's name in its claim sub"),
    "a subject that is no service": ({"sub": "Hunter2 "}, "no service's name in its claim sub"),
    "an operator without a name": ({"groups": ["platform"], "sub": ""}, "does not name one"),
    "an operator of two lines": ({"groups": ["platform"], "sub": "hunter2\nx"}, "does not name one"),
    "an operator with too long a name": ({"groups": ["platform"], "sub": "x" * 129}, "does not name one"),
}


@pytest.mark.parametrize("name", CLAIMS)
async def test_claims_that_are_no_good_are_refused(issuer: Issuer, name: str) -> None:
    claims, hint = CLAIMS[name]
    if name == "exp beyond time":
        # It never expires, which is its issuer's to say.
        assert (await believed(issuer.token(**claims), verifier(issuer))).service == "crew"
        return
    error = await refusal(issuer.token(**claims), verifier(issuer))
    assert error.reason is Reason.BAD_CREDENTIALS
    assert hint in error.message


def with_header(issuer: Issuer, header: Any, claims: Any = None) -> str:
    """A token with this header, for which the signature of the issuer's own key is right."""
    signed = f"{encoded(header)}.{encoded(good_claims() if claims is None else claims)}"
    signature = jwt.get_algorithm_by_name("ES256").sign(signed.encode(), issuer.keys["ec"])
    return f"{signed}.{encoded(signature)}"


def hmac_signed(issuer: Issuer, header: dict[str, Any], key: bytes) -> str:
    signed = f"{encoded(header)}.{encoded(good_claims())}"
    return f"{signed}.{encoded(hmac.digest(key, signed.encode(), sha256))}"


def evil_token(issuer: Issuer, **header: Any) -> str:
    """A token that an attacker has signed with a key of their own."""
    return issuer.token("other", headers=header)


def tampered(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{encoded({**good_claims(), 'sub': 'admin'})}.{signature}"


EC = {"alg": "ES256", "kid": "ec"}
ATTACKS: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda it: f"{encoded({'alg': 'none', 'kid': 'ec'})}.{encoded(good_claims())}.",
    "alg None in capitals": lambda it: f"{encoded({'alg': 'nOnE', 'kid': 'ec'})}.{encoded(good_claims())}.",
    "alg none with a signature": lambda it: with_header(it, {"alg": "none", "kid": "ec"}),
    "no alg": lambda it: with_header(it, {"kid": "ec"}),
    "alg that is a list": lambda it: with_header(it, {"alg": ["ES256"], "kid": "ec"}),
    "HS256 with the public RSA key": lambda it: hmac_signed(it, {"alg": "HS256", "kid": "rsa"}, it.public_pem("rsa")),
    "HS256 with the public JWK": lambda it: hmac_signed(
        it, {"alg": "HS256", "kid": "rsa"}, json.dumps(it.public("rsa")).encode()
    ),
    "HS256 with nothing": lambda it: hmac_signed(it, {"alg": "HS256", "kid": "rsa"}, b""),
    "PS256": lambda it: jwt.encode(good_claims(), it.keys["rsa"], "PS256", headers={"kid": "rsa"}),
    "algorithm of another key": lambda it: with_header(it, {"alg": "RS256", "kid": "ec"}),
    "key of another algorithm": lambda it: with_header(it, {"alg": "ES256", "kid": "rsa"}),
    "EdDSA for another curve": lambda it: with_header(it, {"alg": "EdDSA", "kid": "ec"}),
    "unknown key": evil_token,
    "key id of the issuer, signed by another": lambda it: evil_token(it, kid="ec"),
    "key id that is a path": lambda it: evil_token(it, kid="../../../../dev/null"),
    "key id that is a query": lambda it: evil_token(it, kid="' OR 1=1 --"),
    "key id that is a URL": lambda it: evil_token(it, kid="https://evil.example/keys.json"),
    "key id that is empty": lambda it: with_header(it, {"alg": "ES256", "kid": ""}),
    "key id that is a number": lambda it: with_header(it, {"alg": "ES256", "kid": 7}),
    "key id without end": lambda it: with_header(it, {"alg": "ES256", "kid": "x" * 300}),
    "no key id, with several keys": lambda it: with_header(it, {"alg": "ES256"}),
    "a key of its own": lambda it: evil_token(it, jwk={**it.public("other"), "kid": "ec"}),
    "a key set of its own": lambda it: evil_token(it, jku="https://evil.example/keys.json"),
    "a certificate of its own": lambda it: evil_token(it, x5c=["MIIB"], x5u="https://evil.example/cert.pem"),
    "crit": lambda it: with_header(it, {**EC, "crit": ["exp"], "exp": 1}),
    "crit that is empty": lambda it: with_header(it, {**EC, "crit": []}),
    "a payload elsewhere": lambda it: with_header(it, {**EC, "b64": False}),
    "a header member twice": lambda it: with_header(it, b'{"alg":"ES256","kid":"ec","alg":"ES256"}'),
    "a header that is a list": lambda it: with_header(it, ["ES256"]),
    "a header of nesting": lambda it: with_header(it, b"[" * 5000),
    "a header of no JSON": lambda it: with_header(it, b"hunter2"),
    "a header of no text": lambda it: with_header(it, b"\xff\xfe"),
    "claims that are a list": lambda it: with_header(it, EC, ["crew"]),
    "claims of no JSON": lambda it: with_header(it, EC, b"hunter2"),
    "claims of nesting": lambda it: with_header(it, EC, b"[" * 5000),
    "claims that were changed": tampered,
    "no signature": lambda it: it.token().rpartition(".")[0] + ".",
    "half a signature": lambda it: it.token()[:-40],
    "zeros for a signature": lambda it: f"{it.token().rpartition('.')[0]}.{encoded(bytes(64))}",
    "a huge token": lambda it: it.token(more="x" * 9000),
    "one part": lambda it: "hunter2" * 10,
    "two parts": lambda it: it.token().rpartition(".")[0],
    "four parts": lambda it: it.token() + ".x",
    "five parts, encrypted": lambda it: "a.b.c.d.e",
    "blanks": lambda it: it.token() + " ",
    "padding": lambda it: it.token() + "==",
    "two of them": lambda it: f"{it.token()}, Bearer {it.token()}",
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_attacks_are_refused_and_told_nothing(issuer: Issuer, name: str) -> None:
    error = await refusal(ATTACKS[name](issuer), verifier(issuer))
    assert error.reason is Reason.BAD_CREDENTIALS


async def test_a_token_that_does_not_expire_is_believed_where_that_is_configured(issuer: Issuer) -> None:
    token = issuer.token(exp=None)
    assert (await believed(token, verifier(issuer, require_expiry=False))).service == "crew"
    expired = issuer.token(exp=NOW - 3600)
    assert (await refusal(expired, verifier(issuer, require_expiry=False))).reason is Reason.BAD_CREDENTIALS


async def test_another_claim_can_name_the_service_and_a_pattern_say_how(issuer: Issuer) -> None:
    account = "system:serviceaccount:flights:crew"
    pattern = verifier(issuer, service="system:serviceaccount:flights:{service}")
    assert (await believed(issuer.token(sub=account), pattern)).service == "crew"
    for sub in ("crew", "system:serviceaccount:other:crew", f"{account}:x", f"x{account}"):
        assert (await refusal(issuer.token(sub=sub), pattern)).reason is Reason.BAD_CREDENTIALS
    claim = verifier(issuer, service_claim="azp")
    assert (await believed(issuer.token(sub="x", azp="crew"), claim)).service == "crew"
    for azp in (None, ["crew"], {"crew": 1}, 7):
        assert (await refusal(issuer.token(azp=azp), claim)).reason is Reason.BAD_CREDENTIALS


async def test_a_claim_makes_an_operator_and_nothing_that_looks_like_it(issuer: Issuer) -> None:
    good: tuple[Any, ...] = (["x", "platform"], "platform")
    for groups in good:
        principal = await believed(issuer.token(sub="alice@corp", groups=groups), verifier(issuer))
        assert (principal.is_operator, principal.name) == (True, "operator:alice@corp")
        assert principal.service == ""
    bad: tuple[Any, ...] = ("platform-x", "xplatform", ["platform-x"], {"platform": 1}, [["platform"]], None, 1)
    for groups in bad:
        assert not (await believed(issuer.token(groups=groups), verifier(issuer))).is_operator
    nobody = verifier(issuer, operators=None)
    assert not (await believed(issuer.token(groups=["platform"]), nobody)).is_operator
    assert OperatorClaim(**OPERATOR).claim == "groups"


async def test_with_several_issuers_each_vouches_for_its_own_tokens_only(issuer: Issuer) -> None:
    other, url = Issuer(), "https://other.example"
    both = verifier(issuer), verifier(other, issuer=url)
    assert (await believed(issuer.token(), *both)).service == "crew"
    assert (await believed(other.token(iss=url), *both)).service == "crew"
    for token in (issuer.token(iss=url), other.token(), issuer.token(iss="https://third.example")):
        assert (await refusal(token, *both)).reason is Reason.BAD_CREDENTIALS
    for attack in ATTACKS.values():
        assert (await refusal(attack(issuer), *both)).reason is Reason.BAD_CREDENTIALS


async def test_what_was_verified_holds_until_the_token_expires(issuer: Issuer) -> None:
    now = time.time()
    believer = verifier(issuer, clock=lambda: now, leeway_s=0)
    token = issuer.token(exp=int(now) + 60)
    first = await believed(token, believer)
    assert await believed(token, believer) is first
    now += 61
    # By the clock of the one who keeps it, it is to be verified anew; by the one of the machine it is still good.
    assert await believed(token, believer) is not first


async def test_only_so_many_are_kept(issuer: Issuer) -> None:
    believer = verifier(issuer)
    claims = good_claims()
    for number in range(1030):
        await believed(jwt.encode({**claims, "jti": str(number)}, issuer.keys["ed"], "EdDSA", {"kid": "ed"}), believer)
    assert len(believer._kept) == 1024


async def test_a_token_is_refused_where_there_is_no_verifier_for_it(issuer: Issuer) -> None:
    error = await refusal(issuer.token())
    assert "type jwt" in error.message
