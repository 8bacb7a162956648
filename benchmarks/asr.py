"""Speech recognition on film sound: word error rate, cost, times of lines, calibration, and what it invents where nobody speaks.

Clips of Night of the Living Dead with transcripts (`shared/data/notld_audio`) give the error rate, made speech with known times (espeak)
the times, Big Buck Bunny, Steamboat Willie, Chaplin, noise and silence the inventions. Takes about five CPU minutes:
`python -m benchmarks.asr`.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import resample_poly

from benchmarks.common import SHARED, CpuClock, table, write_result
from benchmarks.word_errors import WordErrors, bare_words, word_errors
from corpus.dialogue import recognise as asr
from corpus.dialogue.recognise import SpokenLine, Word, recogniser
from corpus.dialogue.sync.speech import RATE_HZ, speech_probability
from corpus.maker.cast import Voice
from corpus.maker.voice import SAMPLE_RATE, Espeak, speak

Floats = npt.NDArray[np.float32]
CLIPS = SHARED / "notld_audio"
WORDLESS = ("big_buck_bunny/bbb.mp4", "misc_clips/steamboat.mp4", "misc_clips/chaplin.mp4")
BINS = (0.0, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0)
SAID = (
    "The train leaves on Monday, and nobody told me.", "I put the old photograph on the table.", "Where is your sister?",
    "We need milk and two loaves of bread.", "The meeting is in the second room.", "You can park behind the library.",
    "Who called about the invoice?", "It is a long walk to the harbour.", "The shop opens before noon.", "Turn left after the bridge.",
    "Somebody has stolen the blue car.", "I changed the battery this morning.", "Please come back to the station with me.",
    "The doctor said that everything would be fine.", "He never came home again.", "What did the captain write in the letter?",
)  # fmt: skip
VOICES = (Voice("en-us+m3", 45, 0.85, 0.0), Voice("en-us+f2", 55, 0.85, 0.0))


@dataclass(frozen=True)
class Clip:
    """A sound (16 kHz mono) with what is said in it."""

    name: str
    samples: Floats
    said: list[str]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / RATE_HZ


def clips() -> list[Clip]:
    """The clips of Night of the Living Dead."""
    found = []
    for path in sorted(CLIPS.glob("*.wav")):
        samples, _ = soundfile.read(path, dtype="float32")
        found.append(Clip(path.stem, samples, bare_words(path.with_suffix(".txt").read_text(encoding="utf-8"))))
    return found


def ours(samples: Floats) -> list[SpokenLine]:
    """Lines by the product's way, from sound to lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.flac"
        soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
        return asr.recognise(path, speech_probability(samples), len(samples) * 1000 // RATE_HZ)


def words_of(lines: Sequence[SpokenLine]) -> list[Word]:
    """All words of the lines."""
    return [word for line in lines for word in line.words]


@dataclass(frozen=True)
class Score:
    """One clip: errors, confidence of each bare word, and CPU seconds."""

    clip: Clip
    errors: WordErrors
    confidence: tuple[float, ...]
    cpu_s: float


def score(clip: Clip, hear: Callable[[Floats], list[Word]]) -> Score:
    """Recognise a clip and count its errors."""
    with CpuClock() as clock:
        words = hear(clip.samples)
    bare = [(part, word.confidence) for word in words for part in bare_words(word.text)]
    errors = word_errors(clip.said, [part for part, _ in bare])
    return Score(clip, errors, tuple(confidence for _, confidence in bare), clock.seconds)


def rate(scores: Sequence[Score]) -> float:
    """Errors of all clips by words of all."""
    return sum(s.errors.errors for s in scores) / sum(s.errors.reference for s in scores)


def real_time(scores: Sequence[Score]) -> float:
    """CPU seconds by second of sound."""
    return sum(s.cpu_s for s in scores) / sum(s.clip.seconds for s in scores)


def with_options(**options: Any) -> Callable[[Floats], list[Word]]:
    """faster-whisper by itself with some options."""

    def hear(samples: Floats) -> list[Word]:
        settings: dict[str, Any] = {"language": "en", "temperature": 0.0, "word_timestamps": True, **options}
        segments, _ = asr._network().transcribe(samples, **settings)
        return [asr._placed(word, 0) for segment in segments for word in segment.words]

    return hear


def other_ways() -> Iterator[tuple[str, Callable[[Floats], list[Word]]]]:
    """Names and recognisers to compare with."""
    for beam in (1, 5):
        for vad in (False, True):
            name = f"faster-whisper alone, beam {beam}, {'its own' if vad else 'no'} speech detector"
            yield name, with_options(beam_size=beam, vad_filter=vad, condition_on_previous_text=False)
    yield "as the last, with the text before as context", with_options(beam_size=5, vad_filter=True, condition_on_previous_text=True)


def per_clip(scores: Sequence[Score]) -> str:
    """A row a clip."""
    rows = [
        [s.clip.name, s.errors.reference, s.errors.substituted, s.errors.deleted, s.errors.inserted, f"{s.errors.rate:.3f}"] for s in scores
    ]
    return table(["clip", "words", "wrong", "missing", "made up", "rate"], [*rows, ["all", *_sums(scores), f"{rate(scores):.3f}"]])


def _sums(scores: Sequence[Score]) -> list[int]:
    fields = ("reference", "substituted", "deleted", "inserted")
    return [sum(getattr(s.errors, field) for s in scores) for field in fields]


def calibration(scores: Sequence[Score]) -> str:
    """By confidence: words, mean confidence, share that is right; and the expected calibration error over these bins."""
    confidence = np.array([c for s in scores for c in s.confidence])
    right = np.array([r for s in scores for r in s.errors.right])
    rows, error = [], 0.0
    for low, high in itertools.pairwise(BINS):
        inside = (confidence >= low) & ((confidence < high) | (high == BINS[-1]))
        if inside.any():
            rows.append([f"{low}-{high}", int(inside.sum()), f"{confidence[inside].mean():.2f}", f"{right[inside].mean():.2f}"])
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return table(["confidence", "words", "mean", "right"], rows) + f"\n\nExpected calibration error {error:.3f}."


@dataclass(frozen=True)
class Made:
    """Made speech: samples, and when each sentence begins and ends (ms)."""

    samples: Floats
    spans: tuple[tuple[int, int], ...]


def made_speech(seed: int, snr_db: float | None) -> Made:
    """SAID by two voices with pauses of 1 to 5 s, in pink-like noise at `snr_db` (none for null)."""
    rng = np.random.default_rng(seed)
    parts: list[npt.NDArray[np.float64]] = []
    spans, at = [], 0
    with Espeak(seed) as espeak:
        for index, text in enumerate(SAID):
            pause = np.zeros(int(rng.uniform(1, 5) * RATE_HZ))
            line = resample_poly(speak(espeak, text, VOICES[index % 2], "neutral", 0.5, rng), 160, 441)
            spans.append(((at + len(pause)) * 1000 // RATE_HZ, (at + len(pause) + len(line)) * 1000 // RATE_HZ))
            parts += [pause, line]
            at += len(pause) + len(line)
    assert SAMPLE_RATE * 160 == RATE_HZ * 441
    sound = np.concatenate([*parts, np.zeros(RATE_HZ)])
    return Made(_in_noise(sound, snr_db, rng), tuple(spans))


def _in_noise(sound: npt.NDArray[np.float64], snr_db: float | None, rng: np.random.Generator) -> Floats:
    if snr_db is None:
        return sound.astype(np.float32)
    noise = np.cumsum(rng.normal(0, 1, len(sound)))
    noise = noise - np.convolve(noise, np.full(161, 1 / 161), "same")
    power = np.mean(sound[np.abs(sound) > 0.01] ** 2)
    return (sound + noise * np.sqrt(power / np.mean(noise**2) / 10 ** (snr_db / 10))).astype(np.float32)


def edge_errors(made: Made, words: Sequence[Word]) -> tuple[list[int], list[int], int]:
    """Per sentence with a word in it: the first word's start and the last word's end against the truth (ms); and the sentences missed."""
    starts, ends, missed = [], [], 0
    for start, end in made.spans:
        inside = [word for word in words if start - 1000 < (word.start_ms + word.end_ms) // 2 < end + 1000]
        if inside:
            starts.append(inside[0].start_ms - start)
            ends.append(inside[-1].end_ms - end)
        missed += not inside
    return starts, ends, missed


def times() -> str:
    """Distances of recognised beginnings and ends to the truth, in quiet and in noise, by us and by faster-whisper alone."""
    alone = with_options(beam_size=5, vad_filter=True, condition_on_previous_text=False)
    rows = []
    for snr_db in (None, 5.0):
        made = [made_speech(seed, snr_db) for seed in (1, 2)]
        for name, hear in (("ours", lambda samples: words_of(ours(samples))), ("faster-whisper, its detector", alone)):
            rows.append([name, "quiet" if snr_db is None else f"noise, {snr_db:.0f} dB", *_times_row(made, hear)])
    return table(["", "sound", "start: median / 90 % / most", "end: median / 90 % / most", "sentences missed", "word error rate"], rows)


def _times_row(made: Sequence[Made], hear: Callable[[Floats], list[Word]]) -> list[object]:
    starts, ends, missed, errors = [], [], 0, []
    for one in made:
        words = hear(one.samples)
        found = edge_errors(one, words)
        starts += found[0]
        ends += found[1]
        missed += found[2]
        errors.append(word_errors(bare_words(" ".join(SAID)), bare_words(" ".join(word.text for word in words))))
    total = sum(e.errors for e in errors) / sum(e.reference for e in errors)
    return [_spread(starts), _spread(ends), f"{missed} of {len(SAID) * len(made)}", f"{total:.3f}"]


def _spread(errors: Sequence[int]) -> str:
    away = np.abs(errors)
    return f"{np.median(away):.0f} / {np.quantile(away, 0.9):.0f} / {away.max():.0f} ms"


def wordless() -> Iterator[tuple[str, Floats]]:
    """Sounds in which nobody says a word."""
    for name in WORDLESS:
        yield name, film_sound(SHARED / name)
    rng = np.random.default_rng(0)
    yield "60 s of digital silence", np.zeros(60 * RATE_HZ, np.float32)
    yield "60 s of white noise", rng.normal(0, 0.1, 60 * RATE_HZ).astype(np.float32)


def film_sound(path: Path) -> Floats:
    """A film's sound, 16 kHz mono."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("s16", "mono", RATE_HZ)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.float32) / 32768


def inventions() -> str:
    """Words made up where nobody speaks, by us and by faster-whisper alone."""
    alone = with_options(beam_size=5, condition_on_previous_text=False)
    rows = []
    for name, samples in wordless():
        invented = words_of(ours(samples)), alone(samples)
        rows.append([name, f"{len(samples) / RATE_HZ:.0f}", *(len(words) for words in invented)])
    return table(["sound", "s", "words, ours", "words, faster-whisper alone"], rows)


def main() -> int:
    """Run all and write the page; the exit code."""
    if not CLIPS.is_dir() or recogniser() is None:
        print("needs shared/data/notld_audio, and speech recognition: make asr")
        return 1
    known = clips()
    asr._network()
    found = [score(clip, lambda samples: words_of(ours(samples))) for clip in known]
    compared = [["ours: silero's stretches, beam 5", f"{rate(found):.3f}", f"{real_time(found):.3f}"]]
    for name, hear in other_ways():
        scores = [score(clip, hear) for clip in known]
        compared.append([name, f"{rate(scores):.3f}", f"{real_time(scores):.3f}"])
        print(compared[-1], flush=True)
    body = f"""{recogniser()}

## Word error rate, {len(known)} clips of Night of the Living Dead ({sum(clip.seconds for clip in known):.0f} s)

{per_clip(found)}

The transcripts are another recogniser's, so a part of the errors is theirs.

## Ways of decoding

{table(["way", "word error rate", "CPU s per s of sound"], compared)}

CPU seconds hold all that is done from sound to words, the detector of speech included, on one thread.

## Confidence

{calibration(found)}

## Times of sentences (made speech, {len(SAID)} sentences, two seeds)

{times()}

## Made up where nobody speaks

{inventions()}
"""
    print(write_result("asr", "Speech recognition on film sound", body, ("faster-whisper", "ctranslate2", "silero-vad")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
