"""Does the kit find out an adapter that breaks a promise, by the rule that is about it?"""

from collections.abc import Callable

import pytest

import broken_reads as reads
import broken_writes as writes
from aol_adapters.conformance.report import Report
from aol_adapters.conformance.rule import Rule, Topic
from aol_adapters.conformance.rules import RULES
from aol_adapters.conformance.runner import Result, Verdict, run
from aol_wire.adapter import Adapter

BY_NAME = {rule.name: rule for rule in RULES}

# Which rule finds out which lie.
BREAKS: list[tuple[Callable[[], Adapter], str]] = [
    (writes.DeclaresWhatItLacks, "a_pattern_is_searched_anywhere_in_a_string"),
    (writes.HidesWhatItHas, "an_undeclared_regex_is_refused"),
    (writes.HidesWhatItHas, "an_undeclared_full_regex_is_refused"),
    (writes.HidesWhatItHas, "an_undeclared_text_search_is_refused"),
    (writes.HidesWhatItHas, "an_undeclared_unique_index_is_refused"),
    (writes.HidesWhatItHas, "an_undeclared_ttl_index_is_refused"),
    (writes.HidesWhatItHas, "an_undeclared_atomic_write_is_refused"),
    (writes.DeclaresStorageItLacks, "partitions_together_are_one_collection"),
    (writes.DeclaresStorageItLacks, "tenants_that_are_kept_apart_do_not_meet"),
    (writes.TakesEveryStorage, "an_undeclared_partition_is_refused"),
    (writes.TakesEveryStorage, "an_undeclared_tenancy_is_refused"),
    (reads.TakesNullForAValueOnly, "null_equals_null_and_missing"),
    (reads.LosesWhatIsMissing, "ne_matches_where_the_path_is_missing"),
    (reads.LosesWhatIsMissing, "nin_matches_where_the_path_is_missing"),
    (reads.LooksIntoArrays, "there_is_no_fan_out_over_arrays"),
    (reads.ComparesAsDoubles, "integers_that_doubles_cannot_tell_apart_differ"),
    (reads.MatchesFromTheStart, "a_pattern_is_searched_anywhere_in_a_string"),
    (
        reads.TakesTheOppositeForTheComplement,
        "not_of_an_ordering_is_its_complement_and_not_the_opposite_ordering",
    ),
    (reads.CutsWithoutSaying, "pages_together_are_the_whole"),
    (reads.RepeatsAtPageEnds, "pages_neither_skip_nor_repeat_while_others_write"),
    (reads.BreaksTiesOneWay, "ties_come_by_id_in_the_last_keys_direction"),
    (reads.IgnoresProjections, "named_paths_remain"),
    (reads.IgnoresByteLimits, "a_page_ends_at_its_bytes_but_one_document_always_fits"),
    (reads.ReadsNumbersAsDoubles, "numbers_read_back_as_they_were_written"),
    (reads.ShowsTheDeleted, "soft_deleted_documents_are_hidden_unless_asked_for"),
    (writes.DeletesForGood, "a_soft_delete_says_when_and_keeps_the_document"),
    (writes.PurgesTheLiving, "a_purge_removes_soft_deleted_documents_for_good"),
    (writes.IgnoresMaxAffected, "max_affected_makes_too_broad_an_update_fail"),
    (writes.IgnoresVersions, "if_version_changes_only_a_document_of_that_version"),
    (writes.KeepsItsOwnTime, "an_insert_stamps_metadata"),
    (writes.ForgetsStamps, "an_insert_with_stamps_keeps_them"),
    (writes.ForgetsStamps, "stamps_with_a_deletion_time_insert_a_soft_deleted_document"),
    (writes.RevivesTheDeleted, "stamps_with_a_deletion_time_insert_a_soft_deleted_document"),
    (writes.RevivesTheDeleted, "a_living_and_a_soft_deleted_document_are_not_equal"),
    (writes.IsNotAtomic, "an_atomic_write_with_a_failure_changes_nothing"),
    (writes.HandsNothingOver, "an_update_hands_documents_over"),
    (writes.HandsNothingOver, "a_filter_sees_a_change_of_access_at_once"),
    (writes.TakesAbsentAccessForEmpty, "an_update_hands_documents_over"),
    (writes.HandsOverWithRepeatedInserts, "a_repeated_insert_changes_no_access"),
    (reads.LooksForAnyInAll, "contains_any_matches_arrays_with_one_of_the_strings"),
    (reads.TakesAFewNames, "the_largest_condition_is_answered"),
    (reads.LeaksTenants, "entries_of_one_tenant_open_nothing_of_another"),
    (writes.OverwritesOnInsert, "another_document_under_the_same_id_is_refused"),
    (writes.HasNoName, "an_adapter_names_its_kind_and_version"),
    (reads.LeaksTenants, "tenants_do_not_meet"),
    (reads.CountsAllTenants, "tenants_do_not_meet"),
    (writes.DeletesInAllTenants, "tenants_do_not_meet"),
    (writes.MixesServices, "services_do_not_meet"),
    (writes.EnforcesNothing, "a_unique_value_stands_once"),
    (writes.NeverExpires, "expired_documents_are_invisible_at_once"),
    (writes.NeverDrops, "dropping_removes_documents_and_indexes"),
    (writes.AlwaysCreates, "only_the_call_that_makes_a_collection_says_created"),
    (reads.MakesWhatItIsAskedFor, "a_refused_call_makes_no_collection"),
    (writes.TellsWhatIsStored, "an_error_does_not_tell_what_is_stored"),
    (reads.IgnoresTime, "a_call_whose_time_is_over_is_refused"),
    (reads.RaisesItsOwnErrors, "a_collection_that_was_not_made_is_not_found"),
]


async def tried(adapter: Adapter, *rules: Rule, timeout_s: float = 10.0) -> list[Result]:
    await adapter.start()
    results = await run(adapter, rules, timeout_s=timeout_s)
    await adapter.close()
    return results


@pytest.mark.parametrize(("liar", "name"), BREAKS, ids=lambda it: getattr(it, "__name__", it))
async def test_a_lie_is_found_out_by_the_rule_about_it(liar: Callable[[], Adapter], name: str) -> None:
    (result,) = await tried(liar(), BY_NAME[name])
    assert result.verdict is Verdict.FAIL
    assert result.detail
    assert not Report(None, (result,)).kept


async def test_an_adapter_that_takes_any_document_into_partitions_breaks_the_rules_about_that_alone() -> None:
    rules = [rule for rule in RULES if rule.topic is Topic.STORAGE]
    results = await tried(writes.DeclaresEveryStorage(), *rules)
    assert [result.rule.name for result in results if result.verdict is not Verdict.PASS] == [
        "an_insert_into_partitions_can_be_repeated",
        "a_field_decides_where_a_document_lies",
        "what_is_not_kept_is_not_taken",
    ]


async def test_one_lie_does_not_break_the_rules_about_other_things() -> None:
    others = [rule for rule in RULES if not rule.program and rule.topic is not BY_NAME["named_paths_remain"].topic]
    failed = [it.rule.name for it in await tried(reads.IgnoresProjections(), *others) if it.verdict is Verdict.FAIL]
    assert failed == ["any_key_can_be_projected_and_updated", "bytes_are_counted_after_the_projection"]


async def test_an_adapter_that_never_answers_fails_in_time_and_the_next_rule_is_tried() -> None:
    rules = BY_NAME["count_is_of_all_that_match"], BY_NAME["named_paths_remain"]
    hung, other = await tried(reads.NeverAnswers(), *rules, timeout_s=0.3)
    assert (hung.verdict, hung.detail) == (Verdict.FAIL, "no answer within 0.3 s")
    assert other.verdict is Verdict.PASS


async def test_a_failure_says_what_was_expected_and_what_came() -> None:
    (result,) = await tried(reads.TakesNullForAValueOnly(), BY_NAME["null_equals_null_and_missing"])
    assert "expected" in result.detail
    assert "got" in result.detail
