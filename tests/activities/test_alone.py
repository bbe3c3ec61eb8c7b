"""One at a time in a process, and nobody waits for ever for one that hangs."""

import threading

from activities.alone import alone


def test_who_comes_meanwhile_goes_away_and_the_next_one_comes_in() -> None:
    at_work, go_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        done.append(len(done))
        at_work.set()
        go_on.wait(20)

    once = alone(work)
    first = threading.Thread(target=once)
    first.start()
    assert at_work.wait(20)
    once()
    assert done == [0], "while the first one is at work"
    go_on.set()
    first.join(20)
    once()
    assert done == [0, 1]


def test_one_that_hangs_keeps_nobody_from_working() -> None:
    at_work, let_go, done = threading.Event(), threading.Event(), []

    def work() -> None:
        done.append(len(done))
        if len(done) == 1:
            at_work.set()
            let_go.wait(20)

    patient = alone(work, lost_after=0.05)
    hanging = threading.Thread(target=patient)
    hanging.start()
    assert at_work.wait(20)
    threading.Event().wait(0.1)
    patient()
    patient()
    assert done == [0, 1, 2], "the hanging one counts no more"
    let_go.set()
    hanging.join(20)


def test_one_that_fails_leaves_the_door_open() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise ValueError

    once = alone(work)
    for _ in range(2):
        try:
            once()
        except ValueError:
            continue
    assert len(tries) == 2
