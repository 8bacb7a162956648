"""The voice beside openSMILE and Praat on the same sound: `python -m benchmarks.voice`.

The peers live in an environment of their own in the cache folder. Speed takes turns on ten minutes of old film dialogue (made voices
where the shared material is absent); memory is that of `feelm stage voice_features` on a home made for it. A quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import SHARED, CpuClock, table, write_result
from benchmarks.voice_accuracy import described, film_clips, film_told, fine_told, mfcc_told, pitch_told, shares_told
from benchmarks.voice_made import RATE_HZ, Sound, made_voice
from benchmarks.voice_peer import PACKAGES, Peer
from corpus.contracts import UNITS
from corpus.devices import native_bfloat16
from ml.features.voice import VoiceExtractor
from ml.features.voice.functionals import functionals

MINUTES = 10
TURNS = 5
PITCH_SEEDS = range(1, 6)
PITCH_SECONDS = 60.0


def main() -> None:
    """Run all parts and write the page."""
    options = _options()
    peer = Peer.installed(options.cache)
    clips = film_clips() if SHARED.is_dir() else {"made voice": made_voice(1, 120).samples}
    parts = [speed_told(peer, clips)]
    print(parts[-1], flush=True)
    for part in (
        lambda: pitch_told(peer, PITCH_SEEDS, PITCH_SECONDS),
        lambda: film_told(peer, clips),
        lambda: mfcc_told(clips),
        lambda: fine_told(peer),
        lambda: shares_told(clips),
        lambda: memory_told(clips, options.memory_minutes),
    ):
        parts.append(part())
        print(f"\n{parts[-1]}", flush=True)
    print(write_result("voice", "Voice", "\n\n".join(parts), ("torch", "numpy", "librosa")))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "feelm-voice", help="folder of the peers")
    parser.add_argument("--memory-minutes", type=int, nargs="*", default=[10, 120], help="lengths of the films whose stage is weighed")
    return parser.parse_args()


def speed_told(peer: Peer, clips: dict[str, Sound]) -> str:
    """CPU seconds for the same ten minutes, all sides taking turns."""
    sound = np.resize(np.concatenate(list(clips.values())), MINUTES * 60 * RATE_HZ)
    sides = {
        "here, without jitter, shimmer, harmonics, formants": lambda: _ours(sound, VoiceExtractor(fine=False), summed=False),
        "here, with them where somebody speaks": lambda: _ours(sound, VoiceExtractor(), summed=False),
        "here, with them and the functionals of the whole": lambda: _ours(sound, VoiceExtractor(), summed=True),
        "here, with them, exact (float32)": lambda: _ours(sound, VoiceExtractor(exact=True), summed=False),
        "openSMILE eGeMAPSv02, descriptors": lambda: peer.seconds(sound, "LowLevelDescriptors"),
        "openSMILE eGeMAPSv02, functionals of the whole": lambda: peer.seconds(sound, "Functionals"),
    }
    for extractor in (VoiceExtractor(), VoiceExtractor(exact=True)):
        described(sound[: 5 * RATE_HZ], extractor)
    turns = [{name: side() for name, side in sides.items()} for _ in range(TURNS)]
    quickest_peer = [min(seconds for name, seconds in turn.items() if name.startswith("openSMILE")) for turn in turns]
    rows = []
    for name in sides:
        seconds = [turn[name] for turn in turns]
        ratios = [peers / own for peers, own in zip(quickest_peer, seconds, strict=True)]
        rows.append(
            [
                name,
                f"{np.median(seconds):.2f}",
                f"{MINUTES * 60 / np.median(seconds):.0f}",
                f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            ]
        )
    fast = "computes bfloat16 by itself" if native_bfloat16("cpu") else "does not compute bfloat16 by itself, so float32 is used throughout"
    return "\n\n".join(
        [
            "## Speed",
            f"{MINUTES} minutes of film dialogue in memory, one thread, {TURNS} turns; CPU seconds (median), times real time, and the rate"
            f" over openSMILE's in its quicker form (median, range). This CPU {fast}. Peers: {', '.join(PACKAGES[:2])}.",
            table(["", "CPU s", "times real time", "rate over openSMILE's"], rows),
        ]
    )


def _ours(sound: Sound, extractor: VoiceExtractor, summed: bool) -> float:
    with CpuClock() as clock:
        found = described(sound, extractor)
        if summed:
            functionals(found.values, found.confidence)
    return clock.seconds


def memory_told(clips: dict[str, Sound], minutes: list[int]) -> str:
    """Peak memory of the stage for films of several lengths."""
    rows = []
    for length in minutes:
        with tempfile.TemporaryDirectory() as work:
            _make_home(Path(work), np.concatenate(list(clips.values())), length)
            megabytes, seconds = _weighed(
                [sys.executable, "-m", "orchestration.cli", "stage", "voice_features", "--film", "film"], Path(work)
            )
        rows.append([length, f"{megabytes:.0f}", f"{seconds:.0f}", f"{length * 60 / seconds:.0f}"])
    return "\n\n".join(
        [
            "## Memory of the stage",
            "`feelm stage voice_features`, with a line every 4 s and scenes of 3 min; peak resident memory of the whole process, CPU"
            " seconds with start and functionals.",
            table(["minutes of film", "MB", "CPU s", "times real time"], rows),
        ]
    )


def _make_home(home: Path, sound: Sound, minutes: int) -> None:
    """A home whose one film has a sound track and units."""
    import soundfile

    soundtrack, scenes = home / "data" / "soundtrack" / "film", home / "data" / "scenes" / "film"
    soundtrack.mkdir(parents=True)
    with soundfile.SoundFile(str(soundtrack / "sound.flac"), "w", RATE_HZ, 1, subtype="PCM_16", format="FLAC") as writer:
        for minute in range(minutes):
            writer.write(np.resize(np.roll(sound, -minute * 60 * RATE_HZ), 60 * RATE_HZ))
    lines = [("utterance", at, at + 2500) for at in range(0, minutes * 60_000, 4000)]
    lines += [("scene", at, min(at + 180_000, minutes * 60_000)) for at in range(0, minutes * 60_000, 180_000)]
    units = [
        {
            "unit_id": f"film.{level[0]}{i:05d}",
            "film_id": "film",
            "level": level,
            "start_ms": start,
            "end_ms": end,
            "position": i,
            "text": None,
        }
        for i, (level, start, end) in enumerate(lines)
    ]
    UNITS.write(UNITS.frame(units), scenes / "units.parquet")
    (home / "films.yaml").write_text("films: []\n", encoding="utf-8")


_WEIGH = """import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stderr[-500:], used.ru_maxrss * 1024 / 1e6, used.ru_utime + used.ru_stime]))
"""
"""Run by a small process of its own: a child's peak begins with the memory of the process that starts it."""


def _weighed(command: list[str], home: Path) -> tuple[float, float]:
    """Peak memory in MB of 10^6 bytes and CPU seconds of a process."""
    environment = os.environ | {"FEELM_HOME": str(home)}
    told = subprocess.run([sys.executable, "-c", _WEIGH, *command], env=environment, check=True, capture_output=True, text=True)
    code, complaint, megabytes, seconds = json.loads(told.stdout)
    if code:
        raise SystemExit(f"{' '.join(command)} ends with {code}: {complaint}")
    return megabytes, seconds


if __name__ == "__main__":
    main()
