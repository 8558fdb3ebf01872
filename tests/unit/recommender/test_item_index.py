"""Item ids and rows of the factor arrays, converted by one class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.errors import ReleaseError
from recommender.item_index import UNKNOWN, ItemIndex

IDS = [1, 2, 5, 8, 13]


@pytest.fixture
def item_index() -> ItemIndex:
    return ItemIndex(np.array(IDS))


def test_rows_are_positions_of_ids(item_index: ItemIndex):
    assert item_index.rows(IDS).tolist() == [0, 1, 2, 3, 4]
    assert len(item_index) == 5


@pytest.mark.parametrize("item_id", [-1, 0, 3, 12, 14, 2**62], ids=lambda i: f"id_{i}")
def test_rows_are_unknown_for_other_ids(item_index: ItemIndex, item_id: int):
    assert item_index.rows([item_id]).tolist() == [UNKNOWN]


def test_rows_keep_order_and_repetitions(item_index: ItemIndex):
    assert item_index.rows([13, 4, 1, 13]).tolist() == [4, UNKNOWN, 0, 4]


def test_known_rows_exclude_unknown_ids(item_index: ItemIndex):
    assert item_index.known_rows([13, 4, 1, 99]).tolist() == [4, 0]


def test_rows_accept_dict_keys_and_generators(item_index: ItemIndex):
    assert item_index.rows({5: 4.0, 8: 1.0}).tolist() == [2, 3]
    assert item_index.rows(i for i in (5, 8)).tolist() == [2, 3]


@pytest.mark.parametrize("asked", [[], [1, 2]], ids=["of_nothing", "of_something"])
def test_empty_index_knows_no_id(asked: list[int]):
    rows = ItemIndex(np.empty(0, np.int64)).rows(asked)
    assert rows.tolist() == [UNKNOWN] * len(asked)
    assert rows.dtype == np.int64


def test_rows_of_no_ids_are_empty(item_index: ItemIndex):
    rows = item_index.rows([])
    assert (rows.tolist(), rows.dtype) == ([], np.int64)


@pytest.mark.parametrize("ids", [[2, 1], [1, 1], [1, 5, 3, 8]], ids=["falling", "twice", "one_out"])
def test_index_rejects_ids_that_are_not_ascending(ids: list[int]):
    with pytest.raises(ReleaseError, match=r"item_ids\.npy: .*ascending; train again"):
        ItemIndex(np.array(ids))


@given(known=st.sets(st.integers(-20, 20)), asked=st.lists(st.integers(-25, 25)))
def test_rows_equal_a_linear_search(known: set[int], asked: list[int]):
    ids = sorted(known)
    expected = [ids.index(i) if i in known else UNKNOWN for i in asked]
    assert ItemIndex(np.array(ids, dtype=np.int64)).rows(asked).tolist() == expected
