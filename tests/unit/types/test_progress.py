"""Work that cannot tick itself is done while somebody else does."""

from threading import Event

import pytest
from motion_i2v.models.types.progress import LONG, heard


def test_an_interrupt_is_raised_while_the_work_goes_on():
    done = Event()

    def stop():
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            heard(done.wait, LONG, stop)
        assert not done.is_set()
    finally:
        done.set()


def test_the_result_comes_after_any_number_of_ticks():
    ticks, done = [], Event()

    def tick():
        ticks.append(1)
        if len(ticks) == 2:
            done.set()

    assert heard(done.wait, LONG, tick) is True
    assert len(ticks) >= 2


@pytest.mark.parametrize("error", [TimeoutError("slow"), ValueError("bad")])
@pytest.mark.parametrize("pixels", [1, LONG])
def test_what_goes_wrong_is_told(error, pixels):
    def fail():
        raise error

    with pytest.raises(type(error), match=str(error)):
        heard(fail, pixels, lambda: None)


def test_short_work_is_done_at_once():
    assert heard(lambda: "done", LONG - 1, pytest.fail) == "done"
