"""Identity: a service by its name, an operator by the token and never by name."""

import pytest

from aol_broker.identity import identify
from aol_broker.request import Peer, Principal, Verified
from aol_wire.errors import DataError, Reason

TOKEN = "t0ken-of-the-operator"


def reason_of(peer: Peer) -> Reason:
    with pytest.raises(DataError) as caught:
        identify(peer, TOKEN)
    assert TOKEN not in caught.value.message
    return caught.value.reason


def test_a_service_is_who_it_says() -> None:
    assert identify(Peer("ipv4:1", service="my-service"), TOKEN) == Principal("my-service")


def test_the_token_makes_an_operator() -> None:
    assert identify(Peer("ipv4:1", authorization=f"Bearer {TOKEN}"), TOKEN) == Principal(
        "", is_operator=True, verified_by=Verified.TOKEN
    )


def test_an_operator_may_act_for_a_service() -> None:
    peer = Peer("ipv4:1", service="my-service", authorization=f"bearer {TOKEN}")
    assert identify(peer, TOKEN) == Principal("my-service", is_operator=True, verified_by=Verified.TOKEN)


def test_nobody_is_nobody() -> None:
    assert reason_of(Peer("ipv4:1")) is Reason.NO_CREDENTIALS


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        "Bearer \ud800",
        f"Bearer {TOKEN}\udcff",
        f"Bearer {TOKEN[:-1]}\u0433",
        "\ud800",
    ],
)
def test_a_wrong_token_is_refused_even_with_a_good_service_name(header: str) -> None:
    assert reason_of(Peer("ipv4:1", service="my-service", authorization=header)) is Reason.BAD_CREDENTIALS


@pytest.mark.parametrize("name", ["Operator", "x" * 64, "a/b", "..", "a;b", "a'b", "my_service", "service\u0430", "-a"])
def test_a_name_that_no_service_can_have_is_refused(name: str) -> None:
    assert reason_of(Peer("ipv4:1", service=name)) is Reason.BAD_CREDENTIALS


def test_no_name_makes_an_operator() -> None:
    assert not identify(Peer("ipv4:1", service="operator"), TOKEN).is_operator


def test_only_an_operator_acts_on_behalf_of_another() -> None:
    assert Principal("my-service", is_operator=True).on_behalf_of == "my-service"
    assert Principal("my-service").on_behalf_of == ""
