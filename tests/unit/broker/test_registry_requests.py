"""What becomes of requests for access that are approved, refused, asked anew or taken back? Against real registries."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aol_broker.access.limits import Limits
from aol_broker.manifest.declaration import AccessRequest, DeclaredCollection, Manifest, Sharing
from aol_broker.registry import request_changes
from aol_broker.registry.plan_changes import ManifestToApply, PlanToApply
from aol_broker.registry.request_changes import Answered
from aol_broker.registry.snapshot import GrantState, Permission
from aol_broker.registry.store import Registry
from aol_wire.errors import DataError, Reason
from aol_wire.ids import now_us

READ, WRITE, ADMIN = Permission.READ, Permission.WRITE, Permission.ADMIN
EVENTS = "shop.events"


def owner(*shared: str) -> Manifest:
    sharing = tuple(Sharing("bank", Permission(item)) for item in shared)
    return Manifest("shop", "1", (DeclaredCollection("events", sharing=sharing),))


def asker(*wanted: str, reason: str = "why") -> Manifest:
    return Manifest("bank", "1", (), tuple(AccessRequest(EVENTS, Permission(item), reason) for item in wanted))


async def apply(registry: Registry, *manifests: Manifest) -> None:
    for manifest in manifests:
        await registry.apply_manifest(manifest, repr(manifest), "manifest.yaml", "operator")


async def deploy(registry: Registry, manifest: Manifest, name: str) -> None:
    """Apply a manifest as a plan of its own."""
    item = ManifestToApply(manifest, repr(manifest), "manifest.yaml")
    await registry.apply_plan(PlanToApply(name, registry.snapshot.revision, [item]), "operator")


async def approve(registry: Registry, permission: Permission | None = None, expires_us: int = 0) -> Answered:
    return await registry.change(
        lambda writer: request_changes.approve(
            writer,
            EVENTS,
            "bank",
            permission,
            granted_by="service:shop",
            reason="fine",
            limits=Limits(expires_us=expires_us),
            check=lambda permission: None,
        )
    )


async def refuse(
    registry: Registry, permission: Permission | None = None, reason: str = "No.", by: str = "service:shop"
) -> Answered:
    return await registry.change(
        lambda writer: request_changes.refuse(writer, EVENTS, "bank", permission, refused_by=by, reason=reason)
    )


def held(registry: Registry) -> list[str]:
    grants = registry.snapshot.grants_of(EVENTS, "bank")
    return [f"{'orphaned' if grant.orphaned else grant.state} {grant.permission}" for grant in grants]


async def test_a_refusal_is_kept_with_who_when_and_why(registry: Registry, registry_url: str, other: Registry) -> None:
    await apply(registry, owner(), asker("read"))
    before_us = now_us()
    assert await refuse(registry, reason="Not this year.") == Answered((READ,), ())
    await other.refresh(registry.snapshot.revision)
    restarted = Registry(registry_url, default_adapter="sqlite")
    await restarted.open()
    for seen in (registry, other, restarted):
        [grant] = seen.snapshot.grants_of(EVENTS, "bank")
        assert grant.state is GrantState.REFUSED
        assert grant.refusal is not None
        assert (grant.refusal.refused_by, grant.refusal.reason) == ("service:shop", "Not this year.")
        assert before_us <= grant.refusal.created_us <= now_us()
        assert grant.reason == "why"
    await restarted.close()


async def test_the_same_answer_again_changes_nothing(registry: Registry) -> None:
    await apply(registry, owner(), asker("read", "write"))
    await refuse(registry, READ)
    revision, kept = registry.snapshot.revision, registry.snapshot.grants
    assert await refuse(registry, READ, by="operator") == Answered((), (READ,))
    assert (registry.snapshot.revision, registry.snapshot.grants) == (revision, kept)
    assert await refuse(registry, READ, reason="Another reason.") == Answered((READ,), ())
    assert await approve(registry, READ) == Answered((READ,), ())
    revision = registry.snapshot.revision
    assert await approve(registry, READ) == Answered((), (READ,))
    assert registry.snapshot.revision == revision
    assert await approve(registry) == Answered((WRITE,), (READ,))


async def test_a_refusal_of_all_is_of_what_the_service_does_not_have(registry: Registry) -> None:
    await apply(registry, owner(), asker("read", "write"))
    await approve(registry, READ)
    assert await refuse(registry) == Answered((WRITE,), ())
    assert held(registry) == ["active read", "refused write"]


@pytest.mark.parametrize("permission", [None, READ])
async def test_a_request_that_is_not_there_is_not_answered_and_the_error_says_what_is(
    registry: Registry, permission: Permission | None
) -> None:
    await apply(registry, owner(), Manifest("bank", "1", (), (AccessRequest("other.secret", READ, ""),)))
    revision = registry.snapshot.revision
    for answer in (approve, refuse):
        with pytest.raises(DataError) as raised:
            await answer(registry, permission)
        assert raised.value.reason is Reason.BAD_REQUEST
        assert "`aol requests`" in raised.value.message
        # What it asks of others is nothing that this owner is told.
        assert "other" not in raised.value.message
    await apply(registry, asker("write"))
    revision = registry.snapshot.revision
    with pytest.raises(DataError, match="It asks for write there"):
        await refuse(registry, READ)
    assert registry.snapshot.revision == revision


@pytest.mark.parametrize("shared", [(), ("read",)])
async def test_what_a_service_has_cannot_be_refused(registry: Registry, shared: Sequence[str]) -> None:
    await apply(registry, owner(*shared), asker("read"))
    if not shared:
        await registry.grant(EVENTS, "bank", ADMIN, "operator")
    before = held(registry)
    with pytest.raises(DataError, match="already") as raised:
        await refuse(registry)
    assert "aol revoke shop.events bank read" in raised.value.message
    assert held(registry) == before


async def test_a_grant_ends_the_refusals_that_it_covers_and_no_others(registry: Registry) -> None:
    await apply(registry, owner(), asker("read", "write"))
    await refuse(registry)
    await registry.grant(EVENTS, "bank", READ, "operator")
    assert held(registry) == ["active read", "refused write"]
    # One to many services is no answer to any of them.
    await registry.grant(EVENTS, "*", WRITE, "operator")
    assert held(registry) == ["active read", "refused write", "active write"]
    await registry.grant(EVENTS, "bank", ADMIN, "operator")
    assert held(registry) == ["active admin", "active read", "active write"]
    await registry.revoke(EVENTS, "bank")
    assert held(registry) == ["pending read", "pending write", "active write"]


async def test_the_owner_s_newer_manifest_goes_before_its_refusal_for_good(registry: Registry) -> None:
    await apply(registry, owner(), asker("read"))
    await refuse(registry)
    await apply(registry, owner("write"))
    assert held(registry) == ["refused read"]
    await apply(registry, owner("read"))
    assert held(registry) == ["active read"]
    await apply(registry, owner())
    assert held(registry) == ["pending read"]


async def test_a_refusal_after_a_revocation_outlives_the_same_manifest(registry: Registry) -> None:
    await apply(registry, owner("read"), asker("read"))
    await registry.revoke(EVENTS, "bank")
    await refuse(registry)
    await apply(registry, owner("read"), asker("read"))
    assert held(registry) == ["refused read"]


async def test_what_is_asked_anew_is_pending_anew(registry: Registry) -> None:
    await apply(registry, owner(), asker("read"))
    since_us = registry.snapshot.grants_of(EVENTS, "bank")[0].created_us
    await refuse(registry)
    await apply(registry, asker("read", "write"))
    assert held(registry) == ["pending write", "refused read"]
    assert registry.snapshot.grants_of(EVENTS, "bank")[1].created_us == since_us
    await apply(registry, asker("read", reason="We need it now"))
    assert held(registry) == ["pending read"]
    assert registry.snapshot.grants_of(EVENTS, "bank")[0].created_us > since_us


async def test_a_rollback_that_brings_a_refused_request_back_asks_anew(registry: Registry) -> None:
    await apply(registry, owner())
    await deploy(registry, asker("read"), "1")
    await refuse(registry)
    await deploy(registry, asker(), "2")
    assert held(registry) == []
    await deploy(registry, asker("read"), "3")
    assert held(registry) == ["pending read"]


async def test_a_request_on_a_collection_that_is_not_there_is_refused_until_the_collection_is_dropped(
    registry: Registry,
) -> None:
    await apply(registry, asker("read"))
    await refuse(registry)
    await apply(registry, owner())
    assert held(registry) == ["refused read"]
    await registry.drop_collection(EVENTS)
    assert held(registry) == ["pending read"]


async def test_what_has_expired_can_be_approved_anew_and_refused(registry: Registry) -> None:
    await apply(registry, owner(), asker("read"))
    await registry.grant(EVENTS, "bank", READ, "shop", limits=Limits(expires_us=1))
    assert await approve(registry) == Answered((READ,), ())
    await registry.grant(EVENTS, "bank", READ, "shop", limits=Limits(expires_us=1))
    assert await refuse(registry) == Answered((READ,), ())
    assert held(registry) == ["refused read"]


async def test_of_an_approval_and_a_refusal_at_once_one_is_told_and_they_are_never_both_there(
    registry: Registry, other: Registry
) -> None:
    await apply(registry, owner(), asker("read"))
    for number in range(6):
        brokers = (registry, other) if number % 2 else (other, registry)
        answers = await asyncio.gather(approve(brokers[0], READ), refuse(brokers[1], READ), return_exceptions=True)
        assert answers[0] == Answered((READ,), ())
        # Either it came first, and the approval ended it, or there was nothing left to refuse.
        assert answers[1] == Answered((READ,), ()) or "already" in str(answers[1])
        for broker in brokers:
            await broker.refresh(max(item.snapshot.revision for item in brokers))
            assert held(broker) == ["active read"]
        await registry.revoke(EVENTS, "bank")
        await other.refresh(registry.snapshot.revision)
        assert held(other) == ["pending read"]


async def test_of_two_refusals_at_once_one_stays(registry: Registry, other: Registry) -> None:
    await apply(registry, owner(), asker("read"))
    await asyncio.gather(*(refuse(broker, reason=f"{n}") for n in range(4) for broker in (registry, other)))
    await registry.refresh(other.snapshot.revision)
    assert held(registry) == ["refused read"]


async def test_a_grant_is_orphaned_with_the_request_that_it_answered_whoever_gave_it(registry: Registry) -> None:
    await apply(registry, owner(), asker("read", "write"))
    await approve(registry, READ)
    await registry.grant(EVENTS, "bank", WRITE, "operator")
    assert held(registry) == ["active read", "active write"]
    await apply(registry, asker("read"))
    assert held(registry) == ["active read", "orphaned write"]
    await apply(registry, asker())
    assert held(registry) == ["orphaned read", "orphaned write"]
    await apply(registry, asker("read"))
    assert held(registry) == ["active read", "orphaned write"]
    # Who asks for more goes on asking for it.
    await apply(registry, asker("admin"))
    assert held(registry) == ["active read", "active write", "pending admin"]


async def test_a_grant_that_nobody_asked_for_is_never_orphaned(registry: Registry) -> None:
    await apply(registry, owner(), asker("write"))
    await registry.grant(EVENTS, "bank", READ, "operator")
    await apply(registry, asker("read"))
    # It was there before the request.
    assert await approve(registry, READ) == Answered((), (READ,))
    await deploy(registry, asker(), "1")
    assert held(registry) == ["active read"]


async def test_an_orphan_that_is_granted_again_is_kept(registry: Registry) -> None:
    await apply(registry, owner(), asker("read"))
    await approve(registry)
    await apply(registry, asker())
    assert held(registry) == ["orphaned read"]
    await registry.grant(EVENTS, "bank", READ, "operator")
    assert held(registry) == ["active read"]
    await deploy(registry, asker("write"), "1")
    assert held(registry) == ["active read", "pending write"]


async def test_a_plan_removes_orphans_of_its_services_and_a_manifest_by_itself_does_not(registry: Registry) -> None:
    await apply(registry, owner(), asker("read"))
    await approve(registry)
    await apply(registry, asker())
    assert held(registry) == ["orphaned read"]
    await deploy(registry, owner("write"), "of the owner")
    assert held(registry) == ["orphaned read"]
    version = registry.snapshot.services["bank"].manifest_version
    await deploy(registry, asker(), "of the asker")
    assert held(registry) == []
    # The text is that of before; that it was deployed again is in its history.
    assert registry.snapshot.services["bank"].manifest_version == version + 1
    await deploy(registry, asker("read"), "back")
    assert held(registry) == ["pending read"]


Steps = list[tuple[str, list[Permission]]]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("share", "ask", "deploy", "grant", "approve", "refuse", "revoke")),
        st.lists(st.sampled_from((READ, WRITE, ADMIN)), unique=True, max_size=2),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Steps], None]]:
    """Takes steps in a registry, which is the same each time and in which nothing is asked for at the beginning."""
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('registry')}/registry.db"
    registry = Registry(url, default_adapter="sqlite")
    names = map(str, itertools.count())
    with asyncio.Runner() as runner:
        runner.run(registry.open())
        yield lambda steps: runner.run(_take_all(registry, url, steps, names))
        runner.run(registry.close())


@given(STEPS)
@settings(max_examples=20, deadline=None)
def test_whatever_happens_each_request_is_held_pending_or_refused_and_a_plan_leaves_no_orphan(
    taken: Callable[[Steps], None], steps: Steps
) -> None:
    taken(steps)


async def _take_all(registry: Registry, url: str, steps: Steps, names: Iterator[str]) -> None:
    for step in ("ask", "share"):
        await take(registry, step, [], next(names))
    await registry.revoke(EVENTS, "bank")
    assert held(registry) == []
    asked: list[Permission] = []
    for step, permissions in steps:
        asked = permissions if step in {"ask", "deploy"} else asked
        await take(registry, step, permissions, next(names))
        check(registry, asked)
        if step == "deploy":
            assert not registry.snapshot.orphaned_of("bank")
    # What is read piece by piece is what is there.
    fresh = Registry(url, default_adapter="sqlite")
    await fresh.open()
    assert fresh.snapshot.grants == registry.snapshot.grants
    await fresh.close()


async def take(registry: Registry, step: str, permissions: list[Permission], name: str) -> None:
    """Take a step, which may be one that is refused."""
    # An answer may be to nothing that is asked.
    with contextlib.suppress(DataError):
        match step:
            case "share":
                await apply(registry, replace(owner(*permissions), version=name))
            case "ask":
                await apply(registry, replace(asker(*permissions), version=name))
            case "deploy":
                await deploy(registry, replace(asker(*permissions), version=name), name)
            case "grant":
                await registry.grant(EVENTS, "bank", (permissions or [READ])[0], "operator")
            case "approve":
                await approve(registry, permissions[0] if permissions else None)
            case "refuse":
                await refuse(registry, permissions[0] if permissions else None, reason=name)
            case "revoke":
                await registry.revoke(EVENTS, "bank", permissions[0] if permissions else None)


def check(registry: Registry, asked: list[Permission]) -> None:
    grants = registry.snapshot.grants_of(EVENTS, "bank")
    active = [grant.permission for grant in grants if grant.state is GrantState.ACTIVE]
    waiting = [grant for grant in grants if grant.state is not GrantState.ACTIVE]
    for item in asked:
        assert [grant.permission for grant in waiting].count(item) == (not any(held.covers(item) for held in active))
    for grant in waiting:
        assert grant.permission in asked
        assert (grant.refusal is not None) is (grant.state is GrantState.REFUSED)
