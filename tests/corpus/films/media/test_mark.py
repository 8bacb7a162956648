"""A pass that goes on where another was left off gives the same frames and tells the same as one that was never interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.damaged import KINDS, Kind, write_kind
from corpus.films.media.decode import StreamSummary, VideoPass, fitted
from corpus.films.media.decoders import Decoding, cuda_decodes
from corpus.films.media.mark import Mark, NotTheSame, PassState, fingerprint
from tests.corpus.films.conftest import clicking, texture, write_film

OPEN_GROUPS = Kind("mp4 open groups", ".mp4", "libx264", "aac", (("x264-params", "open-gop=1:keyint=50:bframes=3:b-adapt=0"),))
TS_OPEN_GROUPS = Kind("ts open groups", ".ts", "libx264", "aac", OPEN_GROUPS.options)
NO_KEY_PICTURES = Kind("mp4 refreshed column by column", ".mp4", "libx264", "aac", (("x264-params", "intra-refresh=1:keyint=50"),))
KEPT_FRAMES = 100


@dataclass(frozen=True)
class Recorded:
    """A whole pass: time and fingerprint of each frame, what was known after it, and the summary."""

    path: Path
    size: tuple[int, int]
    frames: list[tuple[int, int, int]]
    states: list[PassState]
    summary: StreamSummary

    def mark(self, after: int, kept: int = KEPT_FRAMES) -> Mark:
        """The place after frame number `after`, as it comes back from text."""
        last = self.frames[max(after + 1 - kept, 0) : after + 1]
        times, prints = np.array([t_ms for _, t_ms, _ in last]), np.array([seen for *_, seen in last])
        return Mark(PassState.from_json(self.states[after].to_json()), self.size, times, prints)


def _record(path: Path) -> Recorded:
    video = VideoPass(path)
    size = fitted(video.facts, 96)
    frames, states = [], []
    for frame in video:
        frames.append((frame.index, frame.t_ms, fingerprint(frame.rgb(*size))))
        states.append(video.state())
    return Recorded(path, size, frames, states, video.summary())


def _after(recorded: Recorded, mark: Mark) -> tuple[list[tuple[int, int, int]], StreamSummary]:
    video = VideoPass(recorded.path)
    frames = [(frame.index, frame.t_ms, fingerprint(frame.rgb(*recorded.size))) for frame in video.frames(mark)]
    return frames, video.summary()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """One entry for every packet that is decoded."""
    packets: list[int] = []
    for name in ("_decoded", "_frames_of"):
        whole = getattr(VideoPass, name)
        monkeypatch.setattr(VideoPass, name, lambda video, packet, whole=whole: packets.append(packet.size) or whole(video, packet))
    yield packets


@pytest.mark.parametrize("kind", [*KINDS, OPEN_GROUPS, TS_OPEN_GROUPS, NO_KEY_PICTURES], ids=lambda kind: kind.name)
def test_what_comes_after_any_frame_is_as_without_interruption(kind: Kind, tmp_path: Path) -> None:
    recorded = _record(write_kind(tmp_path, kind, seconds=6))
    for after in np.random.default_rng(5).integers(0, len(recorded.frames), 4).tolist():
        assert _after(recorded, recorded.mark(after)) == (recorded.frames[after + 1 :], recorded.summary), after


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.long
def test_a_pass_goes_on_near_the_mark_and_not_at_the_start(kind: Kind, tmp_path: Path, decoded: list[int]) -> None:
    recorded = _record(write_kind(tmp_path, kind, seconds=30 if kind.suffix == ".ts" else 12))
    whole = len(decoded)
    decoded.clear()
    after = len(recorded.frames) - 50
    assert _after(recorded, recorded.mark(after, kept=len(recorded.frames))) == (recorded.frames[after + 1 :], recorded.summary)
    assert len(decoded) < whole / 2


def test_variable_rate_and_a_late_start_are_found_again(tmp_path: Path) -> None:
    times = [417 + int(t) for t in np.cumsum([40, 17, 90, 33, 250, 41, 40, 500, 20, 40] * 10)]
    for name in ("variable.mkv", "variable.mp4"):
        recorded = _record(write_film(tmp_path / name, [texture(k) for k in range(len(times))], times))
        for after in (0, 1, 37, 60, len(times) - 1):
            assert _after(recorded, recorded.mark(after)) == (recorded.frames[after + 1 :], recorded.summary)


def test_where_the_clock_begins_anew_the_film_is_decoded_from_its_start(tmp_path: Path, decoded: list[int]) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(clicking(tmp_path / "a.ts", 0).read_bytes() + clicking(tmp_path / "b.ts", 100).read_bytes())
    recorded = _record(path)
    whole = len(decoded)
    for after in (50, 150):
        assert _after(recorded, recorded.mark(after)) == (recorded.frames[after + 1 :], recorded.summary)
    decoded.clear()
    _after(recorded, recorded.mark(150))
    assert len(decoded) == whole


def test_frames_that_are_not_those_that_were_recorded_are_not_taken_for_them(tmp_path: Path) -> None:
    kind = KINDS[0]
    recorded = _record(write_kind(tmp_path, kind, seconds=6))
    other = _record(write_kind(tmp_path, kind, seed=8, seconds=6))
    mark = recorded.mark(120)
    later = Mark(PassState.from_json(mark.state.to_json()), mark.size, mark.times_ms + 7, mark.prints)
    later.state.last_ms += 7
    with pytest.raises(NotTheSame):
        _after(other, later)


def test_a_mark_at_the_end_gives_no_frame_and_the_same_summary(tmp_path: Path) -> None:
    recorded = _record(write_kind(tmp_path, KINDS[0], seconds=3))
    assert _after(recorded, recorded.mark(len(recorded.frames) - 1)) == ([], recorded.summary)
    video = VideoPass(recorded.path)
    list(video)
    again = VideoPass(recorded.path)
    again.end_as(video.state())
    assert again.summary() == recorded.summary


def test_the_end_of_a_film_that_is_cut_off_is_told_again(tmp_path: Path) -> None:
    whole = write_kind(tmp_path, KINDS[1], seconds=6)
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    video = VideoPass(path)
    list(video)
    again = VideoPass(path)
    again.end_as(PassState.from_json(video.state().to_json()))
    assert again.summary() == video.summary()
    assert "the rest is not in the file" in str(again.summary().damage[-1])


def test_hardware_that_is_not_there_is_replaced_by_software(tmp_path: Path) -> None:
    if cuda_decodes():
        pytest.skip("this machine has a CUDA device")
    path = write_kind(tmp_path, KINDS[0], seconds=2)
    shown = [[(f.t_ms, fingerprint(f.rgb(96, 54))) for f in VideoPass(path, decoding=decoding)] for decoding in Decoding]
    assert shown[0] == shown[1]


@pytest.mark.gpu
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.video in ("libx264", "libx265")], ids=lambda kind: kind.name)
def test_a_gpu_gives_the_same_frames_as_software(kind: Kind, tmp_path: Path) -> None:
    if not cuda_decodes():
        pytest.skip("libavcodec finds no CUDA device")
    path = write_kind(tmp_path, kind, seconds=4)
    soft, hard = ([(f.t_ms, f.rgb(96, 54).astype(int)) for f in VideoPass(path, decoding=decoding)] for decoding in Decoding)
    assert [t_ms for t_ms, _ in soft] == [t_ms for t_ms, _ in hard]
    assert max(np.abs(one - other).mean() for (_, one), (_, other) in zip(soft, hard, strict=True)) < 2
