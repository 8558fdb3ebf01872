"""Settings: parsed once, documented in one table, and strict in production."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import config
from recommender.errors import ConfigError
from tests.support.site import PRODUCTION, SECRET

ROOT = Path(__file__).resolve().parents[3]


def test_debug_is_off_by_default() -> None:
    assert config.load(PRODUCTION)["DEBUG"] is False


@pytest.mark.parametrize(
    ("missing", "remedy"),
    [("SECRET_KEY", "SECRET_KEY is not set"), ("DATABASE_URL", "DATABASE_URL is not set")],
)
def test_production_fails_without_a_required_setting(missing: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=remedy):
        config.load({k: v for k, v in PRODUCTION.items() if k != missing})


@pytest.mark.parametrize("weak", ["short", "change-me-change-me-change-me", "changeme"])
def test_secret_key_is_rejected_when_weak(weak: str) -> None:
    with pytest.raises(ConfigError, match="SECRET_KEY: too easy to guess"):
        config.load({**PRODUCTION, "SECRET_KEY": weak})


@pytest.mark.parametrize("weak", ["short", "change-me-change-me-change-me"])
def test_metrics_token_is_rejected_without_being_printed_when_weak(weak: str) -> None:
    with pytest.raises(ConfigError, match="METRICS_TOKEN: too easy to guess") as refused:
        config.load({**PRODUCTION, "METRICS_TOKEN": weak})
    assert weak not in str(refused.value)


def test_development_needs_no_settings_and_keeps_its_secret_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "INSTANCE", tmp_path / "instance")
    first, second = config.load({"DEBUG": "True"}), config.load({"DEBUG": "True"})
    assert len(first["SECRET_KEY"]) >= 32
    assert first["SECRET_KEY"] == second["SECRET_KEY"]
    assert (tmp_path / "instance" / "secret_key").stat().st_mode & 0o077 == 0
    assert str(first["SQLALCHEMY_DATABASE_URI"]).startswith("sqlite:///")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("mysql://u:p@h/d", "mysql+pymysql://u:p@h/d"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_database_url_is_accepted_in_the_forms_of_providers(given: str, used: str) -> None:
    url = config.load({**PRODUCTION, "DATABASE_URL": given})["SQLALCHEMY_DATABASE_URI"]
    assert url.render_as_string(hide_password=False) == used


@pytest.mark.parametrize(
    ("port", "driver"), [("3306", "mysql+pymysql"), ("5432", "postgresql+psycopg")]
)
def test_database_is_read_from_the_rds_variables(port: str, driver: str) -> None:
    url = config.load(
        {
            "SECRET_KEY": SECRET,
            "RDS_HOSTNAME": "db.example.com",
            "RDS_PORT": port,
            "RDS_DB_NAME": "ebdb",
            "RDS_USERNAME": "who",
            "RDS_PASSWORD": "p@ss/word",
        }
    )["SQLALCHEMY_DATABASE_URI"]
    assert (url.drivername, url.host, url.password) == (driver, "db.example.com", "p@ss/word")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("PORT", "five"),
        ("RELEASE_POLL_SECONDS", "-1"),
        ("RELEASE_POLL_SECONDS", "nan"),
        ("RDS_PORT", "x"),
        ("TARGET_MONTHLY_PEOPLE", "0"),
        ("TARGET_MEAN_RATING", "5.5"),
        ("TARGET_MEAN_RATING", "nan"),
        ("DATABASE_URL", "not a database"),
    ],
)
def test_invalid_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        config.load({**PRODUCTION, name: value})


def test_session_cookie_is_secure_in_production() -> None:
    assert config.load(PRODUCTION)["SESSION_COOKIE_SECURE"] is True
    assert config.load({**PRODUCTION, "SECURE_COOKIES": "False"})["SESSION_COOKIE_SECURE"] is False


def test_example_file_and_manual_list_every_setting() -> None:
    settings = [setting.name for setting in config.SETTINGS]
    example = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    manual = re.findall(
        r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE
    )
    assert example == settings
    assert manual == settings


def test_old_names_of_settings_are_read_unless_the_new_one_is_set() -> None:
    old = {"DEBUG": "True", "RATELIMIT_LETTERS": "2/hour"}
    assert config.load(old)["RATELIMIT_RESET_MAIL"] == "2/hour"
    assert (
        config.load({**old, "RATELIMIT_RESET_MAIL": "3/hour"})["RATELIMIT_RESET_MAIL"] == "3/hour"
    )
