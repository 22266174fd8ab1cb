"""Who is calling? What a caller shows decides which verifier says so, and what is no good is never passed over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aol_broker.identities.certificates import CertificateVerifier
from aol_broker.identities.name_templates import NameTemplate
from aol_broker.identities.opaque_tokens import OpaqueTokens
from aol_broker.identities.routing import Identities
from aol_broker.identities.token_text import PATTERN, digest, is_whole, new_token, token_id
from aol_broker.registry.store import Registry
from aol_broker.request import Peer, Principal, Verified
from aol_broker.verifier_settings import CertificateSettings
from aol_wire.errors import DataError, Reason

TOKEN = "t0ken-of-the-operator"
CERTIFICATES = CertificateSettings(
    type="mtls",
    services={"spiffe://corp/ns/flight-ops": "flight-ops", "Ops.Corp.Example": "flight-ops"},
    uri="spiffe://corp/service/{service}",
    dns="{service}.svc.example",
    operators=("spiffe://corp/operator/alice",),
)
INSECURE = Identities(TOKEN, insecure=True)


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    registry = Registry(f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}", default_adapter="memory")
    await registry.open()
    yield registry
    await registry.close()


@pytest.fixture
def everything(registry: Registry) -> Identities:
    """All verifiers but that of JSON Web Tokens."""
    return Identities(
        TOKEN, certificates=CertificateVerifier(CERTIFICATES), tokens=OpaqueTokens(registry), insecure=True
    )


async def mint(registry: Registry, *, service: str = "", operator: str = "", lifetime_s: int = 0) -> str:
    text = new_token()
    await registry.mint_token(
        token_id(digest(text)),
        digest(text),
        service=service,
        operator=operator,
        created_by="operator",
        lifetime_s=lifetime_s,
    )
    return text


async def refusal(identities: Identities, peer: Peer, *secrets: str) -> DataError:
    with pytest.raises(DataError) as caught:
        await identities.identify(peer)
    for secret in (TOKEN, *secrets):
        assert secret not in str(caught.value)
    return caught.value


async def reason_of(identities: Identities, peer: Peer, *secrets: str) -> Reason:
    return (await refusal(identities, peer, *secrets)).reason


async def test_where_it_says_insecure_a_service_is_who_it_says() -> None:
    assert await INSECURE.identify(Peer("ipv4:1", service="my-service")) == Principal("my-service")


async def test_where_it_does_not_a_name_alone_is_nobody(registry: Registry) -> None:
    identities = Identities(TOKEN, tokens=OpaqueTokens(registry))
    error = await refusal(identities, Peer("ipv4:1", service="my-service"))
    assert error.reason is Reason.NO_CREDENTIALS
    assert "aol token create" in error.message


async def test_without_any_verifier_only_operators_are_somebody() -> None:
    assert await reason_of(Identities(TOKEN), Peer("ipv4:1", service="my-service")) is Reason.NO_CREDENTIALS
    assert (await Identities(TOKEN).identify(Peer("ipv4:1", authorization=f"Bearer {TOKEN}"))).is_operator


async def test_the_token_makes_an_operator_also_where_names_are_believed() -> None:
    assert await INSECURE.identify(Peer("ipv4:1", authorization=f"Bearer {TOKEN}")) == Principal(
        "", is_operator=True, verified_by=Verified.TOKEN
    )


async def test_an_operator_may_act_for_a_service() -> None:
    peer = Peer("ipv4:1", service="my-service", authorization=f"bearer {TOKEN}")
    assert await INSECURE.identify(peer) == Principal("my-service", is_operator=True, verified_by=Verified.TOKEN)


async def test_nobody_is_nobody() -> None:
    assert await reason_of(INSECURE, Peer("ipv4:1")) is Reason.NO_CREDENTIALS


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer  {TOKEN}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        "Bearer aol_",
        "Bearer aol_\ud800",
        "Bearer a.b.c",
        "Bearer \ud800",
        f"Bearer {TOKEN}\udcff",
        f"Bearer {TOKEN[:-1]}\u0433",
        "\ud800",
    ],
)
async def test_a_wrong_token_is_refused_even_where_the_name_alone_would_do(everything: Identities, header: str) -> None:
    for names in ((), ("spiffe://corp/service/my-service",)):
        peer = Peer("ipv4:1", service="my-service", authorization=header, certificate_names=names)
        for identities in (INSECURE, everything):
            assert await reason_of(identities, peer) is Reason.BAD_CREDENTIALS


@pytest.mark.parametrize(
    "name", ["Operator", "x" * 64, "a/b", "..", "a;b", "a'b", "my_service", "service\u0430", "-a", "a, b", "a\n", " a"]
)
async def test_a_name_that_no_service_can_have_is_refused(name: str) -> None:
    for header in ("", f"Bearer {TOKEN}"):
        peer = Peer("ipv4:1", service=name, authorization=header)
        assert await reason_of(INSECURE, peer) is Reason.BAD_CREDENTIALS


async def test_no_name_makes_an_operator() -> None:
    assert not (await INSECURE.identify(Peer("ipv4:1", service="operator"))).is_operator


def test_only_an_operator_acts_on_behalf_of_another() -> None:
    assert Principal("my-service", is_operator=True).on_behalf_of == "my-service"
    assert Principal("my-service").on_behalf_of == ""


def test_records_name_the_operator() -> None:
    assert Principal("", is_operator=True, operator="alice").name == "operator:alice"
    assert Principal("", is_operator=True).name == "operator"
    assert Principal("alice").name == "service:alice"


async def test_names_that_were_believed_are_not_kept_without_end() -> None:
    identities = Identities(TOKEN, insecure=True)
    for number in range(5000):
        assert (await identities.identify(Peer("", service=f"s{number}"))).service == f"s{number}"
    assert len(identities._believed) <= 4096


# Certificates


@pytest.mark.parametrize(
    ("names", "service"),
    [
        (("spiffe://corp/ns/flight-ops",), "flight-ops"),
        (("spiffe://corp/service/crew",), "crew"),
        (("crew.svc.example",), "crew"),
        (("CREW.svc.Example",), "crew"),
        (("ops.corp.example",), "flight-ops"),
        (("unknown.example", "crew.svc.example"), "crew"),
        (("spiffe://corp/ns/flight-ops", "flight-ops.svc.example"), "flight-ops"),
    ],
)
async def test_the_names_in_a_certificate_tell_the_service(
    everything: Identities, names: tuple[str, ...], service: str
) -> None:
    expected = Principal(service, verified_by=Verified.MTLS)
    assert await everything.identify(Peer("", certificate_names=names)) == expected
    assert await everything.identify(Peer("", service=service, certificate_names=names)) == expected


async def test_the_name_in_a_certificate_makes_an_operator_of_that_name(everything: Identities) -> None:
    principal = await everything.identify(Peer("", certificate_names=("spiffe://corp/operator/alice",)))
    assert (principal.is_operator, principal.name) == (True, "operator:spiffe://corp/operator/alice")


@pytest.mark.parametrize(
    "names",
    [
        ("spiffe://corp/ns/flight-ops/x",),
        ("spiffe://corp/service/",),
        ("spiffe://corp/service/a/b",),
        ("spiffe://corp/service/Crew",),
        ("spiffe://CORP/service/crew",),
        ("spiffe://corp/service/crew\n",),
        ("*.svc.example",),
        ("a.b.svc.example",),
        ("crew.svc.example.evil.example",),
        ("crewxsvc.example",),
        ("spiffe://corp/operator/alicex",),
        ("crew.svc.example", "spiffe://corp/service/other"),
        ("crew.svc.example", "spiffe://corp/operator/alice"),
    ],
)
async def test_a_certificate_of_nobody_or_of_several_is_refused_even_where_the_name_alone_would_do(
    everything: Identities, names: tuple[str, ...]
) -> None:
    peer = Peer("", service="crew", certificate_names=names)
    assert await reason_of(everything, peer) is Reason.BAD_CREDENTIALS


@pytest.mark.parametrize("text", ["{service}", "x", "", "{service}{service}", "{service}-{service}", "é/{service}"])
def test_a_pattern_that_tells_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\{service\}|ASCII"):
        NameTemplate(text)


# Opaque tokens


def test_a_token_can_be_told_from_other_text() -> None:
    texts = {new_token() for _ in range(100)}
    assert len(texts) == 100
    assert all(PATTERN.fullmatch(text) and is_whole(text) for text in texts)
    text = texts.pop()
    other = "a" if text[10] != "a" else "b"
    changed = (text[:-1], f"{text}0", f"{text[:10]}{other}{text[11:]}", text.swapcase())
    assert not any(is_whole(item) for item in changed)


async def test_a_token_is_of_whom_it_was_minted_for(registry: Registry, everything: Identities) -> None:
    text = await mint(registry, service="crew")
    expected = Principal("crew", verified_by=Verified.TOKEN)
    assert await everything.identify(Peer("", authorization=f"Bearer {text}")) == expected
    assert await everything.identify(Peer("", service="crew", authorization=f"Bearer {text}")) == expected
    alice = await mint(registry, operator="alice")
    assert (await everything.identify(Peer("", authorization=f"Bearer {alice}"))).name == "operator:alice"


async def test_no_header_replaces_whom_a_token_is_of(registry: Registry, everything: Identities) -> None:
    text = await mint(registry, service="crew")
    for name in ("flight-ops", "crew-2", "operator"):
        error = await refusal(everything, Peer("", service=name, authorization=f"Bearer {text}"), text)
        assert error.reason is Reason.BAD_CREDENTIALS
        assert f"be the service crew, and calls itself {name}" in error.message


async def test_a_service_s_token_goes_with_no_other_caller_s_certificate(
    registry: Registry, everything: Identities
) -> None:
    header = f"Bearer {await mint(registry, service='crew')}"
    for names in (("spiffe://corp/service/crew",), ("of-nobody.example",)):
        principal = await everything.identify(Peer("", authorization=header, certificate_names=names))
        assert principal == Principal("crew", verified_by=Verified.TOKEN)
    for name in ("spiffe://corp/ns/flight-ops", "spiffe://corp/operator/alice"):
        error = await refusal(everything, Peer("", authorization=header, certificate_names=(name,)))
        assert error.reason is Reason.BAD_CREDENTIALS
        assert "service:crew's, and the client certificate" in error.message
    operator = Peer("", authorization=f"Bearer {TOKEN}", certificate_names=("spiffe://corp/service/crew",))
    assert (await everything.identify(operator)).is_operator


async def test_a_token_holds_until_it_expires(registry: Registry) -> None:
    now_us = 0
    header = f"Bearer {await mint(registry, service='crew', lifetime_s=3600)}"
    [minted] = registry.snapshot.tokens.values()
    assert minted.expires_us - minted.created_us == 3600 * 1_000_000
    identities = Identities(TOKEN, tokens=OpaqueTokens(registry, lambda: now_us), insecure=True)
    now_us = minted.expires_us - 1
    assert (await identities.identify(Peer("", authorization=header))).service == "crew"
    now_us = minted.expires_us
    error = await refusal(identities, Peer("", service="crew", authorization=header))
    assert (error.reason, "has expired" in error.message) == (Reason.BAD_CREDENTIALS, True)


async def test_a_token_that_is_revoked_is_refused_at_once_and_by_a_registry_that_reads_it_later(
    tmp_path: Path, registry: Registry, everything: Identities
) -> None:
    text = await mint(registry, service="crew")
    header, id_ = f"Bearer {text}", token_id(digest(text))
    other = Registry(f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}", default_adapter="memory")
    await other.open()
    elsewhere = Identities(TOKEN, tokens=OpaqueTokens(other), insecure=True)
    assert (await elsewhere.identify(Peer("", authorization=header))).service == "crew"
    assert await registry.revoke_token(id_)
    assert await reason_of(everything, Peer("", "crew", header), text) is Reason.BAD_CREDENTIALS
    # It is asked with the revision that the other one has come to, and so reads what that one knows.
    peer = Peer("", "crew", header, revision=registry.snapshot.revision)
    assert await reason_of(elsewhere, peer, text) is Reason.BAD_CREDENTIALS
    assert not await registry.revoke_token(id_)
    await other.close()


async def test_a_token_is_believed_by_a_registry_that_is_told_of_its_revision(
    tmp_path: Path, registry: Registry
) -> None:
    other = Registry(f"sqlite+aiosqlite:///{tmp_path / 'registry.db'}", default_adapter="memory")
    await other.open()
    elsewhere = Identities(TOKEN, tokens=OpaqueTokens(other))
    header = f"Bearer {await mint(registry, service='crew')}"
    assert await reason_of(elsewhere, Peer("", authorization=header)) is Reason.BAD_CREDENTIALS
    revision = registry.snapshot.revision
    assert (await elsewhere.identify(Peer("", authorization=header, revision=revision))).service == "crew"
    await other.close()


async def test_what_the_registry_keeps_of_a_token_is_not_the_token(tmp_path: Path, registry: Registry) -> None:
    text = await mint(registry, service="crew")
    await registry.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("registry.db*"))
    assert digest(text) in kept
    assert text.encode() not in kept
    assert text[4:-6].encode() not in kept


async def test_a_token_is_refused_where_there_is_no_verifier_for_it(registry: Registry) -> None:
    text = await mint(registry, service="crew")
    error = await refusal(INSECURE, Peer("", "crew", f"Bearer {text}"), text)
    assert (error.reason, "type token" in error.message) == (Reason.BAD_CREDENTIALS, True)
