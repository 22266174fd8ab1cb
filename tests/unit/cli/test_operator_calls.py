"""Is an operator's token kept from whoever could listen on the way?"""

import grpc.aio
import pytest

from aol_cli.operator_calls import OperatorCalls
from aol_client import ConfigurationError
from aol_wire.tls import CLIENT_VARIABLES


async def test_an_operators_token_is_not_sent_to_another_machine_in_clear_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CLIENT_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    # Nothing is sent by making them, so that nobody has to be there.
    async with grpc.aio.insecure_channel("broker:50051") as channel:
        with pytest.raises(ConfigurationError, match="AOL_TLS_CA_FILE") as caught:
            OperatorCalls("broker:50051", "s3cret", channel)
        assert "s3cret" not in str(caught.value)
        OperatorCalls("localhost:50051", "s3cret", channel)
        for said in ("0", "1"):
            monkeypatch.setenv("AOL_TLS_ENABLED", said)
            OperatorCalls("broker:50051", "s3cret", channel)
