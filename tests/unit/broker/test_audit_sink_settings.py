"""Are audit sinks configured without surprises: mistakes named, secrets read from their places and never shown?"""

import re
import sys
from pathlib import Path

import pytest

from aol_broker.audit.sinks.running import Sinks
from aol_broker.settings import Settings, SettingsError, load_settings

SINKS_DOCUMENTED = (
    (Path(__file__).parents[3] / "docs" / "audit.md").read_text().split("\n## Sinks\n")[1].split("\n## ")[0]
)
SECRET = "s3cret-s3cret-s3cret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "broker.yaml"


def load(file: Path, text: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def sinks(file: Path, text: str) -> Sinks:
    return Sinks(load(file, f"audit: {{sinks: [{{name: a, {text}}}]}}").audit.sinks, "here")


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("audit: {sinks: [{name: a, type: stdot}]}", "broker.yaml:1 audit.sinks[0].type", "did you mean 'stdout'?"),
        ("audit: {sinks: [{name: a}]}", "broker.yaml audit.sinks[0].type", "is required"),
        ("audit: {sinks: [{name: A, type: stdout}]}", "broker.yaml:1 audit.sinks[0].name", "pattern"),
        (
            f"audit:\n  sinks:\n    - {{name: a, type: stdout, ur: {SECRET}}}",
            "broker.yaml:3 audit.sinks[0].ur",
            "unknown",
        ),
        (
            f"audit: {{sinks: [{{name: a, type: otlp, endpoint: 'http://h:1', header: {{a: {SECRET}}}}}]}}",
            "broker.yaml:1 audit.sinks[0].header",
            "did you mean 'headers'?",
        ),
        (
            "audit: {sinks: [{name: a, type: stdout}, {name: a, type: otlp, endpoint: 'http://h:1'}]}",
            "broker.yaml:1 audit.sinks",
            "same name",
        ),
        (
            "audit: {sinks: [{name: a, type: stdout}, {name: b, type: stdout}]}",
            "broker.yaml:1 audit.sinks",
            "one standard output",
        ),
        *(
            (f"audit: {{sinks: [{{name: a, type: postgres, {text}}}]}}", f"broker.yaml:1 audit.sinks[0]{where}", word)
            for text, where, word in (
                (f"url: 'mysql://{SECRET}'", ".url", "postgresql://"),
                (f"url: 'postgresql://u:{SECRET}@h', password_file: x", "", "leave one of them out"),
                (f"url: 'postgresql://u:{SECRET}${{NOT_SET}}@h'", ".url", "NOT_SET"),
                ("url: 'postgresql://u@h', table: 'a.b\"c'", ".table", "pattern"),
            )
        ),
        *(
            (f"audit: {{sinks: [{{name: a, type: otlp, {text}}}]}}", f"broker.yaml:1 audit.sinks[0]{where}", word)
            for text, where, word in (
                (f"endpoint: 'https://u:{SECRET}@h:1'", ".endpoint", "pattern"),
                ("endpoint: 'h:4317'", ".endpoint", "pattern"),
                ("endpoint: 'http://h:1', ca_file: x", "", "https://"),
                (f"endpoint: 'http://h:1', headers: {{A: {SECRET}}}", "", "a-z"),
                (f"endpoint: 'http://h:1', headers: {{a: '{SECRET}é'}}", ".headers", "ASCII"),
                (
                    f"endpoint: 'http://h:1', headers: {{a: {SECRET}}}, header_files: {{a: x}}",
                    "",
                    "leave one of them out",
                ),
            )
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_without_its_value(file: Path, text: str, place: str, word: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(file, text)
    message = str(refused.value)
    assert f"  {place}: " in message
    assert word in message
    assert SECRET not in message


def test_secrets_come_from_variables_and_files_and_are_not_shown(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLECTOR_TOKEN", SECRET)
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    settings = load(
        file,
        f"""
        audit:
          sinks:
            - {{name: out, type: stdout}}
            - {{name: db, type: postgres, url: "postgresql://aol@db/audit", password_file: {tmp_path}/secret}}
            - name: logs
              type: otlp
              endpoint: https://collector:4317
              headers: {{authorization: "Bearer ${{COLLECTOR_TOKEN}}"}}
              header_files: {{x-key: {tmp_path}/secret}}
        """,
    )
    made = Sinks(settings.audit.sinks, "here")
    assert set(made.places()) == {"out", "db", "logs"}
    assert SECRET not in f"{settings!r} {vars(made)!r}"


def test_the_documented_example_is_one(file: Path) -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", SINKS_DOCUMENTED, re.DOTALL)
    assert [sink.type for sink in load(file, example).audit.sinks] == ["stdout", "postgres", "otlp"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "type: postgres, url: 'postgresql://u@h', password_file: FILE",
            "password_file of the audit sink a does not hold",
        ),
        (
            "type: otlp, endpoint: 'http://h:1', header_files: {k: FILE}",
            "header_files of the audit sink a does not hold",
        ),
        (
            "type: otlp, endpoint: 'https://h:1', ca_file: FILE-that-is-not-there",
            "ca_file of the sink a cannot be read",
        ),
    ],
)
def test_a_file_of_secrets_that_holds_none_is_a_mistake(file: Path, tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n{SECRET}\n")
    with pytest.raises(SettingsError, match=why) as refused:
        sinks(file, text.replace("FILE", str(tmp_path / "secret")))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "missing", "extra"),
    [
        ("type: postgres, url: 'postgresql://u@h'", "asyncpg", "postgres"),
        ("type: otlp, endpoint: 'http://h:1'", "opentelemetry", "otlp"),
    ],
)
def test_a_sink_whose_package_is_not_installed_says_what_to_install(
    file: Path, monkeypatch: pytest.MonkeyPatch, text: str, missing: str, extra: str
) -> None:
    for name in [
        name
        for name in sys.modules
        if name.startswith((missing, "aol_broker.audit.sinks.postgres", "aol_broker.audit.sinks.otlp"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SettingsError, match=rf"sink a needs .* {missing}.*aol-data-broker\[{extra}\]"):
        sinks(file, text)
