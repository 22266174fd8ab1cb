"""Does the benchmark of verification measure a folder that is whole?"""

from benchmarks.audit_verify import verify_rate


def test_a_rate_is_measured_for_records_of_a_typical_size() -> None:
    rate = verify_rate(records=301, segments=3, repeats=1)
    assert rate.records == 301
    assert 500 < rate.record_bytes < 900
    assert rate.per_cpu_second > 0
