"""Numbers and times as other programs write them into tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from recommender.formats.cells import (
    DayOrder,
    day_orders,
    decimal_number,
    is_missing,
    seconds_of,
    whole_number,
)

DAY_FIRST, MONTH_FIRST = DayOrder.DAY_FIRST, DayOrder.MONTH_FIRST


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("1.0", 1),
        ("1,0", 1),
        ("1e+05", 100_000),
        ("9.64982703E+08", 964_982_703),
        ("1.000000000000000000e+00", 1),
        ("-3", -3),
    ],
)
def test_whole_number_reads_what_programs_write(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "1.5", "1.000", "1,000", "12.345.678", "x", "0x1", "1_0", "NaN", "inf", "٣", "1 0"]
)
def test_whole_number_rejects_what_may_be_another_number(text: str) -> None:
    assert whole_number(text) is None


@pytest.mark.parametrize(
    ("text", "number"), [("4.5", 4.5), ("4,5", 4.5), ("4", 4.0), ("5E-1", 0.5)]
)
def test_decimal_number_reads_points_and_commas(text: str, number: float) -> None:
    assert decimal_number(text) == number


@pytest.mark.parametrize("text", ["", "nan", "inf", "4.5.6", "4f", "1_0", "0x1"])
def test_decimal_number_rejects_other_text(text: str) -> None:
    assert decimal_number(text) is None


@pytest.mark.parametrize("text", ["", " ", "NA", "NaN", "nan", "NULL", "None", "<NA>"])
def test_is_missing_knows_how_programs_write_nothing(text: str) -> None:
    assert is_missing(text)
    assert not is_missing("0")


AT = int(datetime(2005, 4, 2, 23, 53, 47, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (str(AT), AT),
        (f"{AT}.0", AT),
        ("2005-04-02 23:53:47", AT),
        ("2005-04-02T23:53:47Z", AT),
        ("2005-04-02T23:53:47.123456", AT),
        ("2005-04-03 01:53:47+02:00", AT),
        ("2005-04-02 18:53:47-0500", AT),
        ("2005/04/02 23:53", AT - 47),
        ("02.04.2005 23:53:47", AT),
        ("4/2/2005 11:53:47 PM", AT),
        ("4/2/05 23:53", AT - 47),
        ("2005-04-02", AT - 47 - 53 * 60 - 23 * 3600),
        ("1/1/70", 0),
    ],
)
def test_seconds_of_reads_numbers_and_dates(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


def test_seconds_of_reads_the_day_first_if_the_column_has_it_so() -> None:
    assert seconds_of("2/4/2005 23:53", DAY_FIRST) == AT - 47


@pytest.mark.parametrize(
    "text", ["", "today", "2005-13-01", "31.02.2005", "1/2/3", "13/13/2005", "2005-04-02 25:00"]
)
def test_seconds_of_rejects_what_is_no_time(text: str) -> None:
    assert seconds_of(text) is None


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("4/2/2005", {DAY_FIRST, MONTH_FIRST}),
        ("4/13/2005 10:00", {MONTH_FIRST}),
        ("13/4/2005", {DAY_FIRST}),
        ("4.2.2005", {DAY_FIRST}),
        ("13/13/2005", set()),
        ("2005-04-02", {DAY_FIRST, MONTH_FIRST}),
        ("964982703", {DAY_FIRST, MONTH_FIRST}),
    ],
)
def test_day_orders_are_those_in_which_a_cell_is_a_date(text: str, orders: set[DayOrder]) -> None:
    assert day_orders(text) == orders
