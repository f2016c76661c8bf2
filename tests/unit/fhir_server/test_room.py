"""Room is shared in order of arrival, and never lost."""

import asyncio

import pytest

from fhir_server.room import Room, Share
from resources.outcome import Unavailable

MIB = Share.STEP


async def test_who_finds_no_room_waits_in_order_of_arrival() -> None:
    room = Room(10)
    order = []

    async def use(name: str, amount: int) -> None:
        async with room.of(amount, 5):
            order.append(name)
            await asyncio.sleep(0.01)

    await asyncio.gather(use("a", 6), use("too large", 100), use("small", 1), use("b", 9))
    assert order == ["a", "too large", "small", "b"]
    assert room.free == 10


async def test_who_waits_too_long_or_goes_takes_nothing_with_it() -> None:
    room = Room(10)
    await room.take(8, 1)
    late = asyncio.create_task(room.take(5, 0.02))
    gone = asyncio.create_task(room.take(4, 5))
    fits = asyncio.create_task(room.take(2, 5))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(Unavailable) as caught:
        await late
    assert dict(caught.value.headers)["Retry-After"] == "10"
    await fits
    assert room.free == 0
    room.give(10)
    assert room.free == 10


async def test_who_goes_when_its_turn_has_come_gives_it_back() -> None:
    room = Room(10)
    await room.take(10, 1)
    first = asyncio.create_task(room.take(10, 5))
    second = asyncio.create_task(room.take(10, 5))
    await asyncio.sleep(0)
    room.give(10)
    first.cancel()
    await second
    assert room.free == 0


async def test_a_share_grows_and_is_given_back() -> None:
    room = Room(5 * MIB)
    share, other = Share(room), Share(room)
    await share.grow(Share.FREE, 0.01)
    assert room.free == 5 * MIB
    await share.grow(Share.FREE + 1, 0.01)
    await share.grow(4 * MIB, 0.01)
    assert room.free == MIB
    with pytest.raises(Unavailable):
        await other.grow(2 * MIB, 0.01)
    await share.grow(99 * MIB, 0.01)
    assert room.free == 0
    share.release()
    share.release()
    await other.grow(2 * MIB, 0.01)
    assert room.free == 3 * MIB


async def test_a_share_tells_whether_it_would_have_to_wait() -> None:
    room = Room(5 * MIB)
    share, other = Share(room), Share(room)
    assert share.fits(99 * MIB)
    await other.grow(3 * MIB, 0.01)
    assert share.fits(2 * MIB)
    assert not share.fits(3 * MIB)
    assert share.fits(Share.FREE)
    waiting = asyncio.create_task(share.grow(3 * MIB, 5))
    await asyncio.sleep(0)
    assert not Share(room).fits(2 * MIB)  # somebody was there before
    other.release()
    await waiting
