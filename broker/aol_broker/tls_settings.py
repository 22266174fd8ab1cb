"""What does the broker show to those that it speaks to, and whom does it believe? The settings of TLS."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Tls(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ServerTlsSettings(_Tls):
    """TLS of the port that services call."""

    certificate_file: Path | None = Field(default=None, description="PEM: the broker's certificate and its chain.")
    key_file: Path | None = Field(default=None, description="PEM: its private key, readable by its owner and group.")
    client_ca_file: Path | None = Field(
        default=None, description="PEM: who vouches for clients; with it, every client has to show a certificate."
    )

    @property
    def enabled(self) -> bool:
        """Whether the port speaks TLS."""
        return self.certificate_file is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.client_ca_file is not None and self.certificate_file is None:
            raise ValueError("client_ca_file needs certificate_file and key_file")
        return self


class AdapterTlsSettings(_Tls):
    """TLS of the connection to an adapter, in which both sides show a certificate."""

    ca_file: Path = Field(description="PEM: who vouches for the adapter.")
    certificate_file: Path = Field(description="PEM: the broker's certificate as the adapter's client.")
    key_file: Path = Field(description="PEM: its private key, readable by its owner and group.")
    server_name: str | None = Field(
        default=None, min_length=1, description="The name in the adapter's certificate, if it is not the host's."
    )
