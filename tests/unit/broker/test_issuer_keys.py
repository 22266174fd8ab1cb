"""Are an issuer's keys followed when they change, kept when they cannot be read, and not asked for all the time?"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from aol_broker.identities.issuer_keys import ASK_AGAIN_AFTER_S, MAX_WAITING, IssuerKeys
from aol_broker.identities.jwt_principals import JwtVerifier
from aol_broker.identities.key_sets import KEY_SET_MAX_BYTES, read_key_set
from aol_broker.identities.key_sources import KeySourceError, from_file, from_url
from aol_broker.verifier_settings import JwtSettings
from aol_wire.errors import DataError, Reason
from issuers import AUDIENCE, ISSUER, Issuer, KeyServer, key_server, write_certificate

fuzzed = cache(Issuer)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def served(issuer: Issuer) -> Iterator[KeyServer]:
    with key_server(issuer.key_set("ec")) as server:
        yield server


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def verifier(read: Callable[[], bytes], clock: Clock) -> JwtVerifier:
    settings = JwtSettings(type="jwt", issuer=ISSUER, audience=AUDIENCE, jwks_file=Path("unread"))
    return JwtVerifier(settings, IssuerKeys(ISSUER, read, refresh_s=300, clock=clock))


async def reason_of(verifier: JwtVerifier, token: str) -> Reason:
    with pytest.raises(DataError) as caught:
        await verifier.principal(token)
    return caught.value.reason


async def test_a_new_key_is_read_when_a_token_names_it_and_the_old_one_goes_with_it(
    issuer: Issuer, served: KeyServer
) -> None:
    clock = Clock()
    believer = verifier(from_url(served.url, None), clock)
    await believer.keys.read()
    old, new = issuer.token("ec"), issuer.token("ed")
    assert (await believer.principal(old)).service == "crew"
    served.answer = (200, {}, issuer.key_set("ed"))
    assert (await believer.principal(new)).service == "crew"
    # What was verified before, by a key that is gone, is not believed any more.
    assert await reason_of(believer, old) is Reason.BAD_CREDENTIALS


async def test_made_up_key_ids_do_not_have_the_issuer_asked_all_the_time(issuer: Issuer, served: KeyServer) -> None:
    clock = Clock()
    believer = verifier(from_url(served.url, None), clock)
    await believer.keys.read()
    for number in range(50):
        token = issuer.token("other", headers={"kid": f"made-up-{number}"})
        assert await reason_of(believer, token) is Reason.BAD_CREDENTIALS
    assert served.asked == 2
    clock.now += ASK_AGAIN_AFTER_S
    served.answer = (200, {}, issuer.key_set("ec", "ed"))
    assert (await believer.principal(issuer.token("ed"))).service == "crew"
    assert served.asked == 3


async def test_while_the_url_is_away_the_keys_that_are_known_count_and_others_may_come(issuer: Issuer) -> None:
    clock = Clock()
    with key_server(issuer.key_set("ec")) as served:
        believer = verifier(from_url(served.url, None), clock)
        await believer.keys.read()
    await believer.keys.read()
    assert believer.keys.failure
    assert (await believer.principal(issuer.token("ec"))).service == "crew"
    assert await reason_of(believer, issuer.token("ed")) is Reason.IDENTITY_UNAVAILABLE
    with key_server(issuer.key_set("ec", "ed"), port=int(served.url.split(":")[2].split("/")[0])):
        await believer.keys.read()
        assert (await believer.principal(issuer.token("ed"))).service == "crew"
        assert await reason_of(believer, issuer.token("other")) is Reason.BAD_CREDENTIALS


async def test_before_the_keys_were_ever_read_nobody_is_told_that_a_token_is_bad(issuer: Issuer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    believer = verifier(from_url(url, None), Clock())
    assert await reason_of(believer, issuer.token()) is Reason.IDENTITY_UNAVAILABLE


def answers(issuer: Issuer) -> Mapping[str, tuple[int, Mapping[str, str], bytes]]:
    good = issuer.key_set("ed")
    return {
        "an error": (500, {}, good),
        "nothing": (200, {}, b""),
        "no JSON": (200, {}, b"<html>hunter2</html>"),
        "no key set": (200, {}, b'["hunter2"]'),
        "no keys": (200, {}, b'{"keys": []}'),
        "keys that are no list": (200, {}, b'{"keys": {"hunter2": 1}}'),
        "too much": (200, {}, good + b" " * KEY_SET_MAX_BYTES),
    }


async def test_whatever_else_the_url_answers_the_keys_that_are_known_stay(issuer: Issuer, served: KeyServer) -> None:
    believer = verifier(from_url(served.url, None), Clock())
    await believer.keys.read()
    for answer in answers(issuer).values():
        served.answer = answer
        await believer.keys.read()
        assert believer.keys.failure
        assert "hunter2" not in believer.keys.failure
        assert served.url not in believer.keys.failure
        assert (await believer.principal(issuer.token("ec"))).service == "crew"
    served.answer = (200, {}, issuer.key_set("ec"))
    await believer.keys.read()
    assert believer.keys.failure == ""
    assert believer.keys.generation == 1


async def test_a_redirect_is_not_followed_to_where_other_keys_are(issuer: Issuer, served: KeyServer) -> None:
    believer = verifier(from_url(served.url, None), Clock())
    with key_server(issuer.key_set("ec", "other")) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            served.answer = (status, {"Location": elsewhere.url}, b"")
            await believer.keys.read()
            assert believer.keys.failure == f"the server answers {status}"
        assert await reason_of(believer, issuer.token("other")) is Reason.IDENTITY_UNAVAILABLE
        assert elsewhere.asked == 0


async def test_https_is_for_servers_that_the_authorities_vouch_for(issuer: Issuer, tmp_path: Path) -> None:
    write_certificate(tmp_path / "server.pem")
    write_certificate(tmp_path / "other.pem")
    with key_server(issuer.key_set(), tmp_path / "server.pem") as served:
        assert await asyncio.to_thread(from_url(served.url, tmp_path / "server.pem")) == issuer.key_set()
        for authorities in (None, tmp_path / "other.pem"):
            with pytest.raises(KeySourceError, match="SSLCertVerificationError"):
                await asyncio.to_thread(from_url(served.url, authorities))
    (tmp_path / "empty.pem").write_text("")
    for file in ("empty.pem", "missing.pem"):
        with pytest.raises(KeySourceError, match="ca_file"):
            from_url(served.url, tmp_path / file)


async def test_a_file_is_read_again_too(issuer: Issuer, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(issuer.key_set("ec"))
    believer = verifier(from_file(file), Clock())
    await believer.keys.read()
    assert (await believer.principal(issuer.token("ec"))).service == "crew"
    file.write_bytes(issuer.key_set("ec", "ed"))
    assert (await believer.principal(issuer.token("ed"))).service == "crew"
    file.unlink()
    await believer.keys.read()
    assert "No such file" in believer.keys.failure
    assert (await believer.principal(issuer.token("ec"))).service == "crew"


async def test_calls_share_one_reading_and_only_so_many_wait_for_it(issuer: Issuer) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    loop, asked = asyncio.get_running_loop(), 0

    def read() -> bytes:
        nonlocal asked
        asked += 1
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        return issuer.key_set()

    believer = verifier(read, Clock())
    believer.keys.failure = ""
    token = issuer.token()
    waiting = [asyncio.create_task(believer.principal(token)) for _ in range(MAX_WAITING)]
    await begun.wait()
    assert await reason_of(believer, token) is Reason.IDENTITY_UNAVAILABLE
    waiting[0].cancel()
    go_on.set()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(item) for item in done[:1]] == [asyncio.CancelledError]
    assert {item.service for item in done[1:] if not isinstance(item, BaseException)} == {"crew"}
    assert asked == 1


async def test_keys_that_are_of_no_use_are_left_out(issuer: Issuer) -> None:
    short = RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key(), True)
    private = RSAAlgorithm.to_jwk(issuer.keys["rsa"], True)
    useless: list[Any] = [
        {"kty": "oct", "kid": "a", "k": "aHVudGVyMg"},
        {**short, "kid": "b"},
        {**private, "kid": "c"},
        {**issuer.public("ec"), "kid": "d", "use": "enc"},
        {**issuer.public("ec"), "kid": "e", "alg": "HS256"},
        {**issuer.public("ec"), "kid": "f", "crv": "secp256k1"},
        {**issuer.public("ec"), "kid": "g", "x": "AAAA"},
        {**issuer.public("ec"), "kid": ["h"]},
        {"kty": "RSA", "kid": "i"},
        {"kty": "hunter2"},
        "hunter2",
        None,
    ]
    keys = read_key_set(json.dumps({"keys": [*useless, issuer.public("ed")]}).encode())
    assert set(keys) == {"ed"}
    with pytest.raises(ValueError, match="no key that can be used"):
        read_key_set(json.dumps({"keys": useless}).encode())


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.just("AQAB"), st.lists, max_leaves=3)
MEMBERS = st.sampled_from(["kty", "crv", "kid", "use", "alg", "n", "e", "x", "y", "oth", "key_ops"])


@settings(max_examples=300)
@given(st.sampled_from(["rsa", "ec", "ed"]), st.dictionaries(MEMBERS, JSON, max_size=3))
def test_whatever_is_in_a_key_it_is_a_key_or_none(name: str, changes: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        read_key_set(json.dumps({"keys": [{**fuzzed().public(name), **changes}]}).encode())


async def test_without_a_key_id_the_only_key_is_meant(issuer: Issuer, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(issuer.key_set("ec"))
    keys = IssuerKeys(ISSUER, from_file(file), refresh_s=300)
    assert await keys.find(None) is not None
    file.write_bytes(issuer.key_set("ec", "ed"))
    await keys.read()
    assert await keys.find(None) is None
