"""The networks: one expert per modality, and a context network that joins them over the dialogue.

Films are few, so each expert learns from its own modality alone (a CNN on face crops with pooling over time, small perceptrons on voice
and text features) and the context network starts as the product of the experts' calibrated opinions, to which a causal transformer over
the neighbouring units adds what the dialogue tells. Every input has a mask: any subset of modalities works in training and in use.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.terms import EMOTIONS, ROLES, FaceNetwork
from ml.models.cast import PRESENT
from ml.models.face.track import TrackEncoder, mean_and_peak

EMOTION_COUNT = len(EMOTIONS)
MODALITY_COUNT = 3
LEVEL_COUNT = 3
"""Intensity, valence and arousal, in this order."""

WIDE_DROPOUT, WIDE_SCALE = 0.5, 0.05
"""Of a wide reading's columns half are left out at a time, and a step moves it little: thousands of columns meet a few hundred units."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the networks, and which sees the faces. `window` is how many preceding units a unit attends to."""

    face_network: FaceNetwork = FaceNetwork.SMALL
    face_channels: tuple[int, int, int] = (12, 24, 32)
    face_width: int = 48
    voice_width: int = 48
    text_width: int = 96
    dropout: float = 0.3
    context_width: int = 32
    context_layers: int = 1
    context_heads: int = 4
    window: int = 8

    @classmethod
    def debug(cls) -> NetworkConfig:
        """A tiny variant, for tests that must take seconds."""
        return cls(face_channels=(4, 6, 8), face_width=8, voice_width=12, text_width=12, context_width=8, context_heads=2, window=3)


def squashed(levels: Tensor) -> Tensor:
    """Levels (..., 3) as they are meant: intensity 0..1, valence and arousal -1..1."""
    return torch.cat([levels[..., :1].sigmoid(), levels[..., 1:].tanh()], dim=-1)


class CropEncoder(nn.Module):
    """Grey crops (b, 8, 48, 48) in 0..1 with a mask (b, 8) to one vector a unit: small CNN, then mean and maximum over time."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        first, second, third = config.face_channels
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, first, 7, stride=3, padding=2),
            nn.GroupNorm(2, first),
            nn.GELU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.GroupNorm(2, second),
            nn.GELU(),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.GroupNorm(2, third),
            nn.GELU(),
        )
        self.project = nn.Sequential(nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(third * 16, config.face_width), nn.GELU())
        self.width = 2 * config.face_width

    def forward(self, crops: Tensor, mask: Tensor) -> Tensor:
        """Shape (b, 2 * face_width); zeros where no crop is there."""
        return mean_and_peak(self.each(crops), mask)

    def each(self, crops: Tensor) -> Tensor:
        """What is seen in each crop by itself, (b, 8, face_width)."""
        flat = crops.flatten(0, 1).unsqueeze(1)
        flat = (flat - flat.mean((2, 3), keepdim=True)) / (flat.std((2, 3), keepdim=True) + 0.05)
        return self.project(self.convolutions(flat)).unflatten(0, crops.shape[:2])


class Expert(nn.Module):
    """One modality's opinion: emotion logits (b, 7), shifted by the bias of the unit's source, and its levels (b, 3) before `squashed`.

    Sources differ in how often they show an emotion, not in what it looks like: hence one bias a source and all else shared. The last
    `wide` of the features are many and each says little: they add a linear reading of their own, which begins at nothing.
    """

    def __init__(
        self, features: int, width: int, dropout: float, sources: int, crops: CropEncoder | TrackEncoder | None = None, wide: int = 0
    ) -> None:
        super().__init__()
        self.crops = crops
        features -= wide
        self.split = (features, wide)
        self.wide = nn.Linear(wide, EMOTION_COUNT, bias=False) if wide else None
        if self.wide is not None:
            nn.init.zeros_(self.wide.weight)
        self.features = nn.Sequential(nn.Dropout(dropout), nn.Linear(features, width), nn.GELU()) if features else None
        joined = (width if features else 0) + (crops.width if crops is not None else 0)
        self.dropout = nn.Dropout(dropout)
        self.emotion = nn.Linear(joined, EMOTION_COUNT)
        self.levels = nn.Linear(joined, LEVEL_COUNT)
        self.source_bias = nn.Parameter(torch.zeros(sources, EMOTION_COUNT))

    def forward(self, features: Tensor, source: Tensor, crops: Tensor | None = None, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Standardised features (b, d), source numbers (b,), and for an expert on faces crops, or a backbone's maps of them, and mask."""
        seen = self.crops(crops, mask) if self.crops is not None and crops is not None and mask is not None else None
        return self.read(features, source, seen)

    def read(self, features: Tensor, source: Tensor, seen: Tensor | None) -> tuple[Tensor, Tensor]:
        """The same of what was `seen` in the crops (b, width of the encoder), None for an expert that sees no faces."""
        narrow, wide = features.split(self.split, dim=1)
        parts = [self.features(narrow)] if self.features is not None else []
        if seen is not None:
            parts.append(seen)
        hidden = self.dropout(torch.cat(parts, dim=1))
        emotion = self.emotion(hidden) + self.source_bias[source]
        if self.wide is not None:
            emotion = emotion + WIDE_SCALE * self.wide(functional.dropout(wide, WIDE_DROPOUT, self.training))
        return emotion, self.levels(hidden)


@dataclass(frozen=True)
class ContextBatch:
    """b runs of t units.

    `opinions` (b, t, 3, 7) are the experts' log-probabilities, `levels` (b, t, 3, 3) what they say of the levels, `present` (b, t, 3)
    says which are there; `prior` (b, t, 7) are the log-shares of the emotions in the unit's source; `speaker` and `scene` (b, t) number
    who and where (-1 unknown); `listening` (b, t, 7) are the log-probabilities of the face that listens to the unit, `listened` (b, t)
    whether one is seen and `listener` (b, t) whose it is (-1 unknown); `when` (b, t, 3) is where the unit stands in time, as in
    `UnitArrays`, NaN unknown; `spoke` (b, t, PRESENT) is where in the run each character present spoke last (-1 nobody); `real` (b, t)
    is false in the padding.
    """

    opinions: Tensor
    levels: Tensor
    present: Tensor
    prior: Tensor
    listening: Tensor
    listened: Tensor
    listener: Tensor
    speaker: Tensor
    scene: Tensor
    when: Tensor
    spoke: Tensor
    real: Tensor


@dataclass(frozen=True)
class ContextOutput:
    """Emotion logits (b, t, 7), levels before `squashed` (b, t, 3), logits of the next unit's emotion (b, t, 7), of what each character
    present feels when they speak next (b, t, PRESENT, 7), and of the unit's emotion as told by what came up to it alone (b, t, 7).
    """

    emotion: Tensor
    levels: Tensor
    reaction: Tensor
    characters: Tensor
    past: Tensor


@dataclass(frozen=True)
class Heard:
    """What each unit says by its own evidence and the transformer (`alone`, b, t, 7), with those before it in its scene as well (`past`,
    b, t, 7), and the transformer's output (`hidden`, b, t, width).
    """

    hidden: Tensor
    alone: Tensor
    past: Tensor


STEPS_BACK = 2
"""How many units before it a unit is told by directly, each in turn by the one before."""

TURNS = 3
"""How a unit stands to the one before: speakers unknown, the same, another."""


class Transitions(nn.Module):
    """How emotions follow each other from unit to unit, one table (7, 7) for each of the TURNS, from counts on."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(TURNS, EMOTION_COUNT, EMOTION_COUNT))

    def start_from(self, counts: Tensor) -> None:
        """Begin with the log of counts (7, 7) of an emotion (row) followed by another (column)."""
        with torch.no_grad():
            self.logits.copy_((counts + 1).log().expand_as(self.logits))

    def forward(self, now: Tensor, turn: Tensor) -> Tensor:
        """Log-probability of the following emotion (b, t, 7) for emotions `now` (b, t, 7) and the kind of turn (b, t)."""
        tables = self.logits.softmax(-1)
        each = torch.einsum("bti,kij->btkj", now, tables)
        return each.gather(2, turn[..., None, None].expand(-1, -1, 1, EMOTION_COUNT)).squeeze(2).clamp(min=1e-6).log()

    def backward_from(self, following: Tensor, turn: Tensor) -> Tensor:
        """Log-likelihood (b, t, 7), up to a constant, of each emotion now, given evidence (b, t, 7) about the following unit."""
        tables = self.logits.softmax(-1)
        each = torch.einsum("btj,kij->btki", following, tables)
        return each.gather(2, turn[..., None, None].expand(-1, -1, 1, EMOTION_COUNT)).squeeze(2).clamp(min=1e-6).log()


STAYS = 0.5
"""How often, to begin with, who listens says next what their face shows, rather than anything."""


class Carried(nn.Module):
    """What somebody says next by what their face shows while they listen, one table (7, 7)."""

    def __init__(self) -> None:
        super().__init__()
        even = torch.full((EMOTION_COUNT, EMOTION_COUNT), (1 - STAYS) / EMOTION_COUNT)
        self.logits = nn.Parameter((even + STAYS * torch.eye(EMOTION_COUNT)).log())

    def forward(self, listening: Tensor, prior: Tensor, heard: Tensor) -> Tensor:
        """Evidence (..., 7) from log-probabilities (..., 7) of a face that listens; zero where `heard` (...) says that it tells nothing."""
        said = (listening.softmax(-1) @ self.logits.softmax(-1)).log() - prior
        return torch.where(heard.unsqueeze(-1), said, 0.0)


def same_scene(batch: ContextBatch) -> Tensor:
    """Whether two units of a run are of one scene, (b, t, t); with none in the padding."""
    return (batch.scene.unsqueeze(2) == batch.scene.unsqueeze(1)) & batch.real.unsqueeze(1)


class CharacterReactions(nn.Module):
    """What each character present feels when they speak next, from what they felt, what they hear now, what their face shows while they
    hear it, and the scene's mood.

    Two tables (7, 7) say how an emotion follows one's own and how it answers another's, from counts on; how far each is heeded depends on
    the role, and a linear reading of both units' states corrects it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own, self.heard = (nn.Parameter(torch.zeros(EMOTION_COUNT, EMOTION_COUNT)) for _ in range(2))
        self.heed = nn.Parameter(torch.tensor([[0.7, 0.0, 0.3, 0.0], [0.4, 0.5, 0.3, 1.0], [0.6, 0.2, 0.3, 1.0]]))
        self.correction = nn.Linear(2 * width, len(ROLES) * EMOTION_COUNT)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def start_from(self, own: Tensor, heard: Tensor) -> None:
        """Begin with the logs of counts (7, 7) of one's next emotion (column) after one's own and after another's (row)."""
        with torch.no_grad():
            self.own.copy_((own + 1).log())
            self.heard.copy_((heard + 1).log())

    def forward(self, past: Tensor, hidden: Tensor, mood: Tensor, shown: Tensor, batch: ContextBatch) -> Tensor:
        """Logits (b, t, PRESENT, 7) from emotion logits `past` (b, t, 7), states `hidden` (b, t, width), the scene's mood (b, t, 7) and
        what the face that listens makes likely (b, t, 7); what stands for nobody is meaningless.
        """
        prior, spoke = batch.prior, batch.spoke
        felt, state = (_at(each, spoke.clamp(min=0)) for each in (past, hidden))
        own = (felt.softmax(-1) @ self.own.softmax(-1)).log() - prior.unsqueeze(2)
        heard = (past.softmax(-1) @ self.heard.softmax(-1)).log() - prior
        role = torch.arange(PRESENT).clamp(max=len(ROLES) - 1)
        heed = self.heed[role]
        told = heed[:, :1] * own + heed[:, 1:2] * heard.unsqueeze(2) + heed[:, 2:3] * mood.unsqueeze(2)
        told = told + torch.where(_listens(batch).unsqueeze(-1), heed[:, 3:] * shown.unsqueeze(2), 0.0)
        both = torch.cat([hidden.unsqueeze(2).expand_as(state), state], dim=-1)
        corrected = self.correction(both).unflatten(-1, (len(ROLES), EMOTION_COUNT))[:, :, torch.arange(PRESENT), role]
        return prior.unsqueeze(2) + told + corrected


def _listens(batch: ContextBatch) -> Tensor:
    """Whether each character present is the one whose face listens (b, t, PRESENT): by name, else the addressee."""
    place = torch.arange(PRESENT)
    known, named = batch.spoke >= 0, batch.listener.unsqueeze(-1) >= 0
    who = _at(batch.speaker.unsqueeze(-1), batch.spoke.clamp(min=0)).squeeze(-1)
    return known & (place > 0) & torch.where(named, who == batch.listener.unsqueeze(-1), place == 1)


def _at(sequence: Tensor, place: Tensor) -> Tensor:
    """What stands in `sequence` (b, t, d) at each `place` (b, t, k): (b, t, k, d)."""
    flat = place.flatten(1).unsqueeze(-1).expand(-1, -1, sequence.shape[-1])
    return sequence.gather(1, flat).unflatten(1, place.shape[1:])


def _shifted(sequence: Tensor) -> Tensor:
    """What stood at the unit before (b, t, ...); the first unit's is its own and is not to be used."""
    return torch.cat([sequence[:, :1], sequence[:, :-1]], dim=1)


TIME_FEATURES = 8


def time_features(when: Tensor) -> Tensor:
    """Numbers (..., 8) of where a unit stands in time (..., 3): place in the film, pause and length, and which of them are known."""
    known = when.isfinite()
    through, pause, length = when.nan_to_num().unbind(-1)
    turn = 2 * torch.pi * through
    numbers = torch.stack([through, turn.sin(), turn.cos() * known[..., 0], pause, length], dim=-1)
    return torch.cat([numbers, known.float()], dim=-1)


class ContextNetwork(nn.Module):
    """Joins the experts' opinions over a run of units.

    It starts as a hidden Markov model (product of opinions, transitions between emotions) and learns a correction by a transformer that
    sees the past only. The reaction heads rest on the past alone; only the unit's own emotion is also told by what follows in its scene.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.context_width
        self.window = config.window
        self.trust = nn.Parameter(torch.full((MODALITY_COUNT,), 0.8))
        self.bias = nn.Parameter(torch.zeros(EMOTION_COUNT))
        self.transitions = Transitions()
        self.carried = Carried()
        self.heed = nn.Parameter(torch.tensor([0.4, 0.2, 0.3, 0.3, 0.7, 0.5]))
        self.tokens = nn.ModuleList(nn.Linear(EMOTION_COUNT + LEVEL_COUNT, width) for _ in range(MODALITY_COUNT))
        self.absent = nn.Parameter(torch.zeros(MODALITY_COUNT, width))
        self.previous = nn.Embedding(3, width)
        self.when = nn.Linear(TIME_FEATURES, width, bias=False)
        nn.init.zeros_(self.when.weight)
        self.blocks = nn.ModuleList(ContextBlock(config) for _ in range(config.context_layers))
        self.norm = nn.LayerNorm(width)
        self.emotion = nn.Linear(width, EMOTION_COUNT)
        self.levels = nn.Linear(width, LEVEL_COUNT)
        self.reaction = nn.Linear(width, EMOTION_COUNT)
        self.characters = CharacterReactions(width)
        for head in (self.emotion, self.levels, self.reaction):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, batch: ContextBatch) -> ContextOutput:
        """All heads for each unit; what stands in the padding is meaningless."""
        heard, t = self.hear(batch), batch.real.shape[1]
        past, hidden = heard.past, heard.hidden
        levels = (batch.levels * batch.present.unsqueeze(-1)).sum(2) / batch.present.sum(2, keepdim=True).clamp(min=1)
        so_far, elsewhere = self._mood(past, batch, torch.ones(t, t, dtype=torch.bool).tril()), self.elsewhere(past, batch)
        shown = self.carried(batch.listening, batch.prior, batch.listened)
        nobody = torch.zeros_like(batch.speaker)  # who speaks next is not known when a reaction is foreseen
        reaction = self.transitions(past.softmax(-1), nobody) + self.heed[3] * so_far + self.heed[5] * shown
        reaction = reaction + self.reaction(hidden)
        emotion = self.conclude(heard, elsewhere, batch)
        characters = self.characters(past, hidden, so_far, shown, batch)
        return ContextOutput(emotion, levels + self.levels(hidden), reaction, characters, past)

    def hear(self, batch: ContextBatch) -> Heard:
        """The part that rests on the past alone: a unit is reached by `window` units before it, in each layer, and STEPS_BACK further."""
        turns = self._turns(batch)
        hidden = self._tokens(batch) + self.previous(turns) + self.when(time_features(batch.when))
        relation, allowed = self._relations(batch)
        for block in self.blocks:
            hidden = block(hidden, relation, allowed)
        hidden = self.norm(hidden)
        evidence = ((batch.opinions - batch.prior.unsqueeze(2)) * (batch.present * self.trust).unsqueeze(-1)).sum(2)
        alone = batch.prior + evidence + self.bias + self.emotion(hidden) + self.heed[4] * self._carried_over(batch, turns)
        past = alone
        for _ in range(STEPS_BACK):
            past = alone + self.heed[0] * self._before(past, batch, turns)
        return Heard(hidden, alone, past)

    def conclude(self, heard: Heard, elsewhere: Tensor, batch: ContextBatch) -> Tensor:
        """Emotion logits (b, t, 7) of what was heard and the mood elsewhere in the scene (b, t, 7)."""
        return heard.past + self.heed[1] * self._after(heard.alone, batch, self._turns(batch)) + self.heed[2] * elsewhere

    def elsewhere(self, past: Tensor, batch: ContextBatch, outside: Tensor | None = None) -> Tensor:
        """The mood (b, t, 7) of all other units of the scene.

        Where runs are stretches of longer ones, `outside` (b, t, 8) are the sum of the shares of the emotions in those units of the scene
        that lie outside, and how many they are.
        """
        return self._mood(past, batch, ~torch.eye(batch.real.shape[1], dtype=torch.bool), outside)

    def _carried_over(self, batch: ContextBatch, turns: Tensor) -> Tensor:
        """What the speaker's face, listening to the unit before, makes likely, (b, t, 7); zero where another listened or none was seen."""
        listening, listened, listener = (_shifted(part) for part in (batch.listening, batch.listened, batch.listener))
        answers = torch.where(listener >= 0, listener == batch.speaker, turns == 2)
        return self.carried(listening, batch.prior, listened & answers & self._continues(batch))

    def _before(self, past: Tensor, batch: ContextBatch, turns: Tensor) -> Tensor:
        """What the unit before makes likely, (b, t, 7); zero where a scene begins."""
        told = self.transitions(functional.pad(past.softmax(-1)[:, :-1], (0, 0, 1, 0)), turns) - batch.prior
        return torch.where(self._continues(batch).unsqueeze(-1), told, 0.0)

    def _after(self, alone: Tensor, batch: ContextBatch, turns: Tensor) -> Tensor:
        """What the unit after makes likely by its own evidence, (b, t, 7); zero where a scene ends."""
        following = functional.pad((alone - batch.prior)[:, 1:], (0, 0, 0, 1)).softmax(-1)
        told = self.transitions.backward_from(following, functional.pad(turns[:, 1:], (0, 1)))
        there = functional.pad(self._continues(batch)[:, 1:], (0, 1))
        return torch.where(there.unsqueeze(-1), told, 0.0)

    def _mood(self, past: Tensor, batch: ContextBatch, among: Tensor, outside: Tensor | None = None) -> Tensor:
        """The scene's mood, as log-share of its emotions over the prior (b, t, 7), in those units that `among` (t, t) allows each."""
        weight = (same_scene(batch) & among).float()
        shares, count = weight @ past.softmax(-1) + batch.prior.exp(), weight.sum(-1, keepdim=True) + 1
        if outside is not None:
            shares, count = shares + outside[..., :-1], count + outside[..., -1:]
        return (shares / count).log() - batch.prior

    def _continues(self, batch: ContextBatch) -> Tensor:
        """Whether the unit before is of the same scene, (b, t)."""
        before = functional.pad(batch.scene[:, :-1], (1, 0), value=-2)
        return (before == batch.scene) & batch.real

    def _tokens(self, batch: ContextBatch) -> Tensor:
        """One token a unit: the sum of its modalities' tokens, a learned one standing for each that is absent."""
        seen = torch.cat([batch.opinions.exp(), squashed(batch.levels)], dim=-1)
        total = torch.zeros_like(seen[..., 0, :1]) + self.absent.sum(0) * 0
        for i, token in enumerate(self.tokens):
            there = batch.present[..., i : i + 1]
            total = total + there * token(seen[..., i, :]) + (1 - there) * self.absent[i]
        return total

    def _turns(self, batch: ContextBatch) -> Tensor:
        """For each unit: 0 nobody known spoke before, 1 the same speaker, 2 another."""
        before = functional.pad(batch.speaker[:, :-1], (1, 0), value=-1)
        known = (before >= 0) & (batch.speaker >= 0)
        return torch.where(known, torch.where(before == batch.speaker, 1, 2), 0)

    def _relations(self, batch: ContextBatch) -> tuple[Tensor, Tensor]:
        """Number of each pair's relation (distance, speaker, scene) and whether the row's unit may look at the column's, (b, t, t)."""
        t = batch.real.shape[1]
        distance = torch.arange(t).unsqueeze(1) - torch.arange(t).unsqueeze(0)
        allowed = (distance >= 0) & (distance <= self.window) & batch.real.unsqueeze(1)
        allowed = allowed | torch.eye(t, dtype=torch.bool)
        known = (batch.speaker >= 0).unsqueeze(2) & (batch.speaker >= 0).unsqueeze(1)
        same = batch.speaker.unsqueeze(2) == batch.speaker.unsqueeze(1)
        speaker = torch.where(known, torch.where(same, 1, 2), 0)
        scene = (batch.scene.unsqueeze(2) == batch.scene.unsqueeze(1)).long()
        return (distance.clamp(0, self.window) * 3 + speaker) * 2 + scene, allowed


class ContextBlock(nn.Module):
    """A transformer block whose attention is biased by distance, same or other speaker, and same or other scene."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width, self.heads = config.context_width, config.context_heads
        self.relation = nn.Embedding((config.window + 1) * 6, self.heads)
        self.before_attention, self.before_mixing = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mixing = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, relation: Tensor, allowed: Tensor) -> Tensor:
        """Hidden (b, t, width) in and out; relation numbers and permission are (b, t, t)."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.project(self.before_attention(hidden)).chunk(3, dim=-1)
        )
        bias = self.relation(relation).permute(0, 3, 1, 2).masked_fill(~allowed.unsqueeze(1), -1e9)
        # Written out: torch's own attention is slower at this size, and cannot be asked of several networks at once.
        weight = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + bias).softmax(-1)
        attended = weight @ value
        hidden = hidden + self.dropout(self.out(attended.transpose(1, 2).flatten(2)))
        return hidden + self.dropout(self.mixing(self.before_mixing(hidden)))
