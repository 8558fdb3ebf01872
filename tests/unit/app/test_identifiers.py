"""Names and addresses: when two are equal, and which names are rejected."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.accounts import service as accounts
from app.accounts.identifiers import (
    INVISIBLE,
    LONGEST,
    MIXED_SCRIPTS,
    TOO_MANY_MARKS,
    WRONG_CHARACTER,
    fold,
    problem_of_name,
    unique_key,
)
from app.extensions import db
from app.group import friends
from tests.support.site import PASSWORD

CYRILLIC_COCO, LATIN_COCO = "сосо", "coco"


def register(app: Flask, name: str, email: str = "bea@example.com") -> int:
    form = {"username": name, "email": email, "password": PASSWORD, "confirm": PASSWORD}
    return app.test_client().post("/register", data=form).status_code


@pytest.mark.parametrize(
    "name",
    [
        *("Иван Петров", "Γιώργος", "محمد", "شَدَّة", "اسم٣", "דָּוִד", "Հայկ", "አማርኛ"),
        *("हिन्दी", "বাংলা", "வணக்கம்", "සිංහල", "สมชาย น้ำ", "ខ្មែរ", "ကျွန်ုပ်", "དབྱངས"),
        *("王小明", "山田 太郎", "さくらサクラ桜", "スーパー", "山田 Taro", "김철수", "金 Kim 김"),
        *("José", "Nguyễn Văn", "Jo\u0301se", "O'Neil", "Zoë_1", "ann.example-2", "42"),
    ],
)
def test_problem_of_name_is_none_for_names_of_one_script(name: str) -> None:
    assert problem_of_name(name) is None


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        *((name, INVISIBLE) for name in ("\u3164\u3164", "\u115f\u1160", "an\u034fn", "x\ufe0f")),
        *((name, INVISIBLE) for name in ("\uffa0a", "a\U000e0100", "\u17b4\u17b5", "a\u180b")),
        *((name, WRONG_CHARACTER) for name in ("\u2800\u2800", "a\u200db", "a\u00adb", "a\u202eb")),
        *((name, WRONG_CHARACTER) for name in ("<b>", "a\0", "ann@example", "🎬🎬")),
        *((name, TOO_MANY_MARKS) for name in ("a" + "\u0335" * 5, "\u0301\u0302", "a \u0301b")),
        *((name, MIXED_SCRIPTS) for name in ("\u0410nn", "p\u0430ul", "Ann Иванова", "ann\u02bc")),
        *((name, MIXED_SCRIPTS) for name in ("αnn", "あ한", "ㄅあ", "1٣०")),
    ],
)
def test_problem_of_name_gives_the_reason_when_name_is_rejected(name: str, problem: str) -> None:
    assert problem_of_name(name) == problem


@pytest.mark.parametrize("name", ["\u3164\u3164\u3164", "\u0410nn", "a" + "\u0335" * 30])
def test_register_rejects_invisible_or_ambiguous_names(app: Flask, name: str) -> None:
    assert register(app, name) == 422
    with app.app_context():
        assert accounts.named(name) is None


@pytest.mark.parametrize(
    ("name", "key"),
    [(CYRILLIC_COCO, LATIN_COCO), ("СОСО", LATIN_COCO), ("ΑΝΝΑ", "avva"), ("Иван", "иван")],
)
def test_unique_key_is_latin_when_the_whole_name_looks_latin(name: str, key: str) -> None:
    assert unique_key(name) == key


def test_register_rejects_a_name_that_looks_like_an_existing_one(app: Flask) -> None:
    assert register(app, LATIN_COCO) == 303
    assert register(app, CYRILLIC_COCO) == 422
    with app.app_context():
        user = accounts.named(CYRILLIC_COCO)
        assert user is not None
        assert user.username == LATIN_COCO


def test_login_finds_an_older_lookalike_name_with_a_folded_key(
    app: Flask,
) -> None:
    assert register(app, CYRILLIC_COCO) == 303
    with app.app_context():
        user = accounts.named(CYRILLIC_COCO)
        assert user is not None
        user.username_key = fold(CYRILLIC_COCO)
        db.session.commit()
    assert register(app, CYRILLIC_COCO) == 422
    assert register(app, LATIN_COCO) == 303
    for name in (CYRILLIC_COCO, LATIN_COCO):
        with app.app_context():
            user = accounts.recognise(name, PASSWORD)
            assert user is not None
            assert user.username == name


def test_fold_rejects_text_longer_than_any_name() -> None:
    assert fold("A" * LONGEST) == "a" * LONGEST
    with pytest.raises(ValueError, match="check that it has at most"):
        fold("a" * (LONGEST + 1))


def test_named_is_none_when_the_name_is_too_long(app: Flask) -> None:
    with app.app_context():
        assert accounts.named("a" * (LONGEST + 1)) is None


@pytest.mark.parametrize("email", ["a\uff0cb@example.com", "a\uff20b.com\uff0cc@example.com"])
def test_register_rejects_an_address_that_folds_to_several(app: Flask, email: str) -> None:
    assert register(app, "bea", email) == 422


def test_group_ask_finds_an_account_by_a_lookalike_name(app: Flask, ann: FlaskClient) -> None:
    register(app, LATIN_COCO)
    ann.post("/group/ask", data={"name": CYRILLIC_COCO})
    with app.app_context():
        coco = accounts.named(LATIN_COCO)
        assert coco is not None
        assert [user.id for user in friends.asked_by(21)] == [coco.id]
