"""Entries: what a line of a file says of its item."""

import pytest

from app.portability.entries import RATED, SEEN, UNDECIDED, WISHED, Entry


@pytest.mark.parametrize("mark", ["", SEEN, WISHED, UNDECIDED])
def test_entry_with_a_value_is_rated_whatever_its_reader_says(mark):
    assert Entry(1, stars=4.0, mark=mark).mark == RATED
    assert Entry(1, hours=0.0, mark=mark).mark == RATED


def test_entry_without_a_value_is_wished_unless_its_reader_says_otherwise():
    assert Entry(1).mark == WISHED
    assert Entry(1, mark=SEEN).mark == SEEN
    assert Entry(1, mark=UNDECIDED).mark == UNDECIDED
