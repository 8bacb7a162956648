"""What one stream and all of them together may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """Milliseconds, seconds, bytes and counts.

    `every_ms` is how often a window is read while something new comes, at most; `sound_ms` and `pictures_ms` how long the windows are,
    `least_ms` how much sound there must be. Of pictures one in `look_ms` is looked at, the others are dropped; `waiting` is how many may
    wait for that, `faces` how many of a picture are followed. A stream ends after `longest_s`, or `idle_s` without a message; at
    most `at_once` streams are read by one process.
    """

    at_once: int = 4
    every_ms: int = 400
    sound_ms: int = 3000
    least_ms: int = 500
    pictures_ms: int = 3000
    look_ms: int = 200
    waiting: int = 3
    faces: int = 8
    message_bytes: int = 1 << 20
    picture_pixels: int = 9_000_000
    messages_a_second: int = 200
    opening_s: float = 10.0
    idle_s: float = 15.0
    longest_s: float = 1800.0
    send_s: float = 10.0


LEAST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 96_000
