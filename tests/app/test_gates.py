import asyncio

import pytest

from app.gates import Gate, QueueFullError


def test_gate_lets_no_more_in_than_fit_and_keeps_the_order() -> None:
    async def run() -> tuple[list[int], int]:
        gate, order, num_inside, most_inside = Gate("x", capacity=2, max_waiting=9), [], 0, 0

        async def enter(index: int) -> None:
            nonlocal num_inside, most_inside
            async with gate.enter():
                order.append(index)
                num_inside += 1
                most_inside = max(most_inside, num_inside)
                await asyncio.sleep(0)
                num_inside -= 1

        await asyncio.gather(*(enter(index) for index in range(6)))
        return order, most_inside

    order, most_inside = asyncio.run(run())

    assert order == list(range(6))
    assert most_inside == 2


def test_gate_refuses_whom_the_queue_does_not_hold() -> None:
    async def run() -> int:
        gate = Gate("decode", capacity=1, max_waiting=1)
        async with gate.enter():
            waiting = asyncio.create_task(gate.acquire())
            await asyncio.sleep(0)
            with pytest.raises(
                QueueFullError, match="accepted are 1 at work, and 1 requests that wait"
            ):
                await gate.acquire()
            num_waiting = gate.num_waiting
        await waiting
        return num_waiting

    assert asyncio.run(run()) == 1


def test_work_that_waits_is_counted_in_its_unit() -> None:
    async def run() -> tuple[str, float]:
        gate = Gate("decode", capacity=1, max_waiting=6, unit="s of video")
        async with gate.enter(3):
            waiting = [asyncio.create_task(gate.acquire(work)) for work in (3, 2)]
            await asyncio.sleep(0)
            with pytest.raises(QueueFullError) as caught:
                await gate.acquire(2)
            work_waiting = gate.work_waiting
            for task in waiting:
                task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return str(caught.value), work_waiting

    message, work_waiting = asyncio.run(run())

    assert message == "decode is full: accepted are 1 at work, and 6 s of video that wait"
    assert work_waiting == 5


def test_work_larger_than_the_queue_may_wait_if_it_is_the_first() -> None:
    async def run() -> float:
        gate = Gate("decode", capacity=1, max_waiting=6, unit="s of video")
        async with gate.enter(1):
            waiting = asyncio.create_task(gate.acquire(100))
            await asyncio.sleep(0)
            with pytest.raises(QueueFullError):
                await gate.acquire(1)
        await waiting
        return gate.work_waiting

    assert asyncio.run(run()) == 0


def test_who_gives_up_waiting_leaves_no_trace() -> None:
    async def run() -> int:
        gate = Gate("x", capacity=1, max_waiting=1)
        async with gate.enter():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(gate.acquire(), 0.01)
        async with gate.enter():
            return gate.num_waiting

    assert asyncio.run(run()) == 0


def test_idle_places_are_lent_and_nobody_waits_for_them() -> None:
    async def run() -> None:
        gate = Gate("decode", capacity=2, max_waiting=0)
        async with gate.enter():
            assert [gate.borrow(), gate.borrow()] == [True, False]
            assert not gate.is_idle
            async with asyncio.timeout(1), gate.enter():
                assert gate.num_inside == 2
            gate.give_back()
            assert gate.is_idle

    asyncio.run(run())
