import threading
import time
from contextlib import closing
from itertools import islice

import pytest

from iaunet_tf.threads import ahead


def test_results_are_in_order_however_long_each_takes():
    def work(number):
        time.sleep(0.01 * (number % 3))
        return number**2

    assert list(ahead(work, range(20), 6)) == [number**2 for number in range(20)]
    assert list(ahead(work, [], 6)) == []


def test_no_more_than_so_many_are_worked_on():
    begun = []
    with closing(ahead(begun.append, iter(range(1000)), 5)) as results:
        assert len(list(islice(results, 10))) == 10
        time.sleep(0.1)
        assert sorted(begun) in (list(range(15)), list(range(16)))  # threads begin in any order


def test_the_first_failure_is_raised_and_the_rest_is_left_alone():
    begun = []

    def work(number):
        begun.append(number)
        if number == 3:
            raise ValueError("3")
        time.sleep(0.05)
        return number

    results = ahead(work, range(1000), 4)
    assert list(islice(results, 3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="3"):
        next(results)
    count = threading.active_count()
    time.sleep(0.2)
    assert len(begun) < 20 and threading.active_count() <= count
