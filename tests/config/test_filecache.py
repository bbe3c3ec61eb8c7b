"""The counters in a folder count everything, however many count at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.filecache import LockedFileBasedCache


@pytest.fixture
def counters(tmp_path: Path) -> LockedFileBasedCache:
    return LockedFileBasedCache(str(tmp_path / "cache"), {})


def test_many_who_count_at_once_are_all_counted(counters: LockedFileBasedCache) -> None:
    counters.add("tries", 0)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: counters.incr("tries"), range(80)))
    assert sorted(told) == list(range(1, 81))


def test_one_of_many_who_add_at_once_is_the_first(counters: LockedFileBasedCache) -> None:
    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(lambda number: counters.add("lock", number), range(40)))
    assert added.count(True) == 1


def test_the_folder_may_be_emptied_meanwhile(counters: LockedFileBasedCache) -> None:
    counters.add("tries", 1)
    counters.clear()
    assert counters.add("tries", 1)
