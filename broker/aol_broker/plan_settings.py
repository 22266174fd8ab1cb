"""What do plans of manifests heed, of old versions and of calls that were seen? The settings of plans."""

from pydantic import BaseModel, ConfigDict, Field


class PlanSettings(BaseModel):
    """What plans of manifests heed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    deployed_days: float = Field(
        default=7.0,
        ge=0,
        le=3650,
        allow_inf_nan=False,
        description="How long a version of a manifest counts as running after another took its place.",
    )
    observed_days: float = Field(
        default=30.0,
        gt=0,
        le=3650,
        allow_inf_nan=False,
        description="Calls of how many days count as use; as long as counts are kept at most (`usage.keep_for`).",
    )
