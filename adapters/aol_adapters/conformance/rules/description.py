"""What does an adapter say of itself?"""

from aol_adapters.conformance.expect import expect, expect_equal
from aol_adapters.conformance.rule import Rule, Topic, rule
from aol_adapters.conformance.trial import Trial
from aol_wire.adapter import Capability


@rule(Topic.DESCRIPTION)
async def an_adapter_names_its_kind_and_version(trial: Trial) -> None:
    """`describe` gives a name and a version, which are not empty."""
    description = await trial.adapter.describe()
    expect("a name", bool(description.name.strip()))
    expect("a version", bool(description.version.strip()))


@rule(Topic.DESCRIPTION)
async def a_description_does_not_change(trial: Trial) -> None:
    """`describe` says the same at any time: the broker asks once."""
    first = await trial.adapter.describe()
    await trial.insert("1", {})
    expect_equal("the description after a write", await trial.adapter.describe(), first)


@rule(Topic.DESCRIPTION, Capability.REGEX_FULL)
async def regex_full_comes_with_regex(trial: Trial) -> None:
    """An adapter that takes all of RE2 takes the common level too, and declares both."""
    expect("regex is declared beside regex_full", Capability.REGEX in trial.capabilities)


@rule(Topic.DESCRIPTION)
async def a_started_adapter_passes_its_check(trial: Trial) -> None:
    """`check` returns while the database can be used."""
    await trial.adapter.check()


RULES: tuple[Rule, ...] = (
    an_adapter_names_its_kind_and_version,
    a_description_does_not_change,
    regex_full_comes_with_regex,
    a_started_adapter_passes_its_check,
)
