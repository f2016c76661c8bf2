"""Settings: read from the environment, handed on to other processes through it."""

import pytest
from pydantic import ValidationError

from fhir_server.settings import Settings, problems


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MONGODB_URI", raising=False)


def test_every_setting_is_described() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_another_process_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(open=True, port=9000, mongodb_uri="mongodb://db.example/?replicaSet=rs0", embedded_cache_gb=2.5)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_defaults_are_not_handed_on() -> None:
    assert Settings(port=9000).environment() == {"FHIR_PORT": "9000"}


def test_plain_mongodb_uri_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://db.example/")
    assert Settings().mongodb_uri == "mongodb://db.example/"


def test_empty_mongodb_uri_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "")
    assert "mongodb_uri" not in Settings().model_fields_set


def test_a_wrong_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:s3/cret@host")
    with pytest.raises(ValidationError) as caught:
        Settings(cursor_secret="s3cret")
    assert "cret" not in str(caught.value).replace("cursor_secret", "")
    assert [line.partition(":")[0] for line in problems(caught.value)] == ["MONGODB_URI", "cursor_secret"]


def test_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_cursor_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(Settings(cursor_secret="s3cret" * 8))
