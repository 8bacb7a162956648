"""What is true of a made film, written beside it: every line's times, emotion and channels, shots, subtitle fault, story weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from corpus.maker.channels import KIND_SHARES, MASKS, UNSEEN_SHARE, Ceilings, Kind, Shown, ceilings, expected_ceilings
from corpus.maker.performance import Performance, SpokenLine
from corpus.maker.shots import Shot
from corpus.maker.story import MOODS, REACTIONS, REPLY_SHARE, STAY, TEMPERAMENTS
from corpus.maker.subtitles import SubtitleFault
from corpus.paths import read_json
from corpus.terms import FeelmError

VERSION = 2


@dataclass(frozen=True)
class TruthLine:
    """One line: film times in ms, who speaks to whom, what is felt (intensity 0..1, valence and arousal -1..1) and what is shown.

    `shown.text` may be `ambiguous`; `shown.face` is what the speaker's face does even where `speaker_seen` is false.
    """

    start_ms: int
    end_ms: int
    text: str
    speaker: str
    addressee: str
    scene: int
    emotion: str
    intensity: float
    valence: float
    arousal: float
    listener_emotion: str
    listener_intensity: float
    kind: Kind
    shown: Shown
    framing: str
    speaker_seen: bool


@dataclass(frozen=True)
class TruthPerson:
    """One character: `gender` and `temperament` as the story has them."""

    character_id: str
    name: str
    gender: str
    temperament: str


@dataclass(frozen=True)
class TruthScene:
    """One scene: film times in ms, heading as in the screenplay, and how it begins."""

    start_ms: int
    end_ms: int
    heading: str
    mood: str
    transition: str


@dataclass(frozen=True)
class TruthShot:
    """One shot: first and last-but-one frame times in ms, its framing, its transition, and whose faces are in it."""

    start_ms: int
    end_ms: int
    framing: str
    transition: str
    seen: tuple[str, ...]


@dataclass(frozen=True)
class Dynamics:
    """The story model's log weights (corpus.maker.story) and channel probabilities (corpus.maker.channels)."""

    reactions: dict[str, dict[str, float]]
    moods: dict[str, dict[str, float]]
    temperaments: dict[str, dict[str, float]]
    stay: float
    reply_share: float
    kind_shares: dict[str, float]
    masks: dict[str, dict[str, float]]
    unseen_share: float


@dataclass(frozen=True)
class Truth:
    """Everything that is true of one film."""

    film_id: str
    seed: int
    index: int
    title: str
    duration_ms: int
    frame_rate: int
    subtitles: SubtitleFault
    people: tuple[TruthPerson, ...]
    scenes: tuple[TruthScene, ...]
    shots: tuple[TruthShot, ...]
    lines: tuple[TruthLine, ...]
    dynamics: Dynamics
    ceilings: Ceilings
    expected_ceilings: Ceilings


def tell(performance: Performance, shots: list[Shot], fault: SubtitleFault, frame_rate: int) -> Truth:
    """The truth of a performed film."""
    story = performance.story
    names = [character.character_id for character in story.characters]
    return Truth(
        film_id=story.film_id,
        seed=story.seed,
        index=story.index,
        title=story.title,
        duration_ms=performance.duration_ms,
        frame_rate=frame_rate,
        subtitles=fault,
        people=tuple(TruthPerson(c.character_id, c.name, c.gender, c.temperament) for c in story.characters),
        scenes=tuple(TruthScene(s.start_ms, s.end_ms, s.scene.heading, s.scene.mood, s.scene.transition.value) for s in performance.scenes),
        shots=tuple(TruthShot(s.start_ms, s.end_ms, s.framing, s.transition.value, tuple(names[who] for who in s.seen)) for s in shots),
        lines=tuple(_tell_line(line, names) for line in performance.lines),
        dynamics=_dynamics(),
        ceilings=ceilings([story.lines]),
        expected_ceilings=expected_ceilings(),
    )


def _tell_line(spoken: SpokenLine, names: list[str]) -> TruthLine:
    line = spoken.line
    named = {"speaker": names[line.speaker], "addressee": names[line.addressee], "framing": line.framing.value}
    return TruthLine(**{**vars(line), **named}, start_ms=spoken.start_ms, end_ms=spoken.end_ms, speaker_seen=line.speaker_seen)


def _dynamics() -> Dynamics:
    shares = {kind.value: share for kind, share in KIND_SHARES.items()}
    return Dynamics(REACTIONS, MOODS, TEMPERAMENTS, STAY, REPLY_SHARE, shares, MASKS, UNSEEN_SHARE)


def truth_record(truth: Truth) -> dict[str, object]:
    """The truth as JSON's types."""
    return {"version": VERSION, **asdict(truth)}


def read_truth(path: Path) -> Truth:
    """Read a truth.json.

    Raises:
        FeelmError: it is not there, or another version of the maker wrote it.
    """
    if not path.is_file():
        raise FeelmError(f"no truth at {path}: make the films (feelm films make)")
    record = read_json(path)
    if record.pop("version", None) != VERSION:
        raise FeelmError(f"{path} was written by another version of the film maker: delete its folder and make the films again")
    return Truth(
        **{
            **record,
            "subtitles": SubtitleFault(**record["subtitles"]),
            "people": tuple(TruthPerson(**person) for person in record["people"]),
            "scenes": tuple(TruthScene(**scene) for scene in record["scenes"]),
            "shots": tuple(TruthShot(**{**shot, "seen": tuple(shot["seen"])}) for shot in record["shots"]),
            "lines": tuple(_read_line(line) for line in record["lines"]),
            "dynamics": Dynamics(**record["dynamics"]),
            "ceilings": Ceilings(**record["ceilings"]),
            "expected_ceilings": Ceilings(**record["expected_ceilings"]),
        }
    )


def _read_line(line: dict[str, object]) -> TruthLine:
    shown = line["shown"]
    assert isinstance(shown, dict)
    return TruthLine(**{**line, "kind": Kind(str(line["kind"])), "shown": Shown(**shown)})  # type: ignore[arg-type]
