"""What waits for a reading is bounded, however fast it comes, and what was dropped is counted."""

import tracemalloc

import numpy as np
import pytest

from corpus.terms import FeelmError
from service.champion import Champion
from service.streams.bounds import Bounds
from service.streams.live import Camera, Microphone
from service.streams.sight import PictureQueue
from service.streams.sound import SoundRing


def pcm(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def test_a_ring_holds_the_last_samples_in_order() -> None:
    ring = SoundRing(1000, 50)
    for start in range(0, 120, 12):
        ring.push(pcm(*range(start, start + 12)))
    part = ring.window(10)
    assert part is not None and part.samples.tolist() == list(range(70, 120))
    assert (part.from_ms, part.until_ms, ring.dropped_ms) == (70, 120, 70)


def test_a_window_ends_with_the_last_whole_step_and_loses_nothing_of_what_follows() -> None:
    ring = SoundRing(1000, 50)
    ring.push(pcm(*range(37)))
    part = ring.window(10)
    assert part is not None and part.samples.tolist() == list(range(30))
    ring.push(pcm(37, 38))
    assert ring.window(10) is None, "no whole step is new"
    ring.push(pcm(*range(39, 75)))
    later = ring.window(10)
    assert later is not None and later.samples.tolist() == list(range(30, 70)) and ring.dropped_ms == 0


def test_sound_that_every_window_overlaps_is_not_dropped() -> None:
    ring = SoundRing(1000, 50)
    for start in range(0, 400, 40):
        ring.push(pcm(*range(start, start + 40)))
        assert ring.window(10) is not None
    assert ring.dropped_ms == 0


def test_too_little_sound_and_nothing_new_give_no_window() -> None:
    ring = SoundRing(1000, 50)
    ring.push(pcm(*range(19)))
    assert ring.window(20) is None
    ring.push(pcm(19))
    assert ring.window(20) is not None and ring.window(20) is None


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(FeelmError, match="3 bytes is no sound"):
        SoundRing(1000, 50).push(b"\x00\x00\x00")


def test_a_minute_of_sound_at_once_takes_no_more_room_than_the_ring() -> None:
    ring, minute = SoundRing(16_000, 4000), bytes(2 * 16_000 * 60)
    tracemalloc.start()
    for _ in range(20):
        ring.push(minute)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1 << 20
    part = ring.window(500)
    assert part is not None and len(part.samples) == 64_000 and ring.dropped_ms == 20 * 60_000 - 4000


def test_of_pictures_five_a_second_wait_and_of_those_the_newest() -> None:
    queue = PictureQueue(waiting=3, look_ms=200)
    for t_ms in range(0, 2000, 40):
        queue.push(t_ms, str(t_ms).encode())
    assert [t_ms for t_ms, _ in queue.take()] == [1400, 1600, 1800] and queue.dropped == 50 - 4
    assert [t_ms for t_ms, _ in queue.take()] == [1960], "the last one, after which nothing came"
    assert queue.take() == []


def test_a_picture_that_comes_soon_after_another_is_looked_at_where_it_is_the_last() -> None:
    queue = PictureQueue(waiting=3, look_ms=200)
    queue.push(0, b"first")
    assert queue.take() == [(0, b"first")]
    queue.push(90, b"soon")
    queue.push(120, b"last")
    assert queue.take() == [(120, b"last")] and queue.dropped == 1


@pytest.mark.parametrize("kind", ["microphone", "camera"])
def test_a_champion_that_never_heard_or_saw_anybody_is_not_asked(champion: Champion, kind: str) -> None:
    with pytest.raises(FeelmError, match=r"has learned nothing of the (voice|face)"):
        Microphone(champion, 16_000, Bounds()) if kind == "microphone" else Camera(champion, Bounds())
