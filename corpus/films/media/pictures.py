"""A decoded frame as people see it: upright, square pixels, one field where it has two, the right colours, standard range.

Scaling keeps one swscale context per size for the whole pass (a new one per frame costs five times as much). An interlaced frame holds
two moments in alternate lines; one of them is taken by skipping lines, which costs nothing and leaves no combs. High dynamic range is
brought down to the range of the other films, or its pictures would look grey to every measure.
"""

from __future__ import annotations

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import Colorspace, ColorTrc, Interpolation, VideoReformatter

from corpus.films.media.probe import MediaFacts
from corpus.films.media.tone import Transfer, to_standard_range

HD_LINES = 720
UNSPECIFIED = 2
TRANSFERS = {int(ColorTrc.SMPTE2084): Transfer.PQ, int(ColorTrc.ARIB_STD_B67): Transfer.HLG}


class Pictures:
    """Makes small pictures of a film's frames."""

    def __init__(self, facts: MediaFacts) -> None:
        self._turns = facts.rotation // 90
        self._scalers: dict[tuple[int, int], VideoReformatter] = {}
        self._fields = _Fields()

    def convert(self, frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
        """uint8 RGB (height, width, 3) of the frame, upright."""
        coded = (height, width) if self._turns % 2 else (width, height)
        transfer = TRANSFERS.get(int(frame.color_trc))
        small = self._scaled(self._fields.one_of(frame), coded, "rgb24" if transfer is None else "rgb48le")
        picture = small if transfer is None else to_standard_range(small, transfer)
        return np.ascontiguousarray(np.rot90(picture, self._turns)) if self._turns else picture

    def _scaled(self, frame: av.VideoFrame, size: tuple[int, int], form: str) -> np.ndarray:
        scaler = self._scalers.setdefault(size, VideoReformatter())
        # Bilinear in swscale averages over the whole footprint when it makes smaller: no aliasing, and the cheapest of its kinds.
        return scaler.reformat(
            frame, *size, format=form, src_colorspace=_colorspace(frame), interpolation=Interpolation.BILINEAR, threads=1
        ).to_ndarray()


def _colorspace(frame: av.VideoFrame) -> int:
    """The frame's matrix; where none is told, that of high definition from 720 lines on, as players take it (swscale takes BT.601)."""
    told = int(frame.colorspace)
    return int(Colorspace.ITU709) if told == UNSPECIFIED and frame.height >= HD_LINES else told


class _Fields:
    """Takes the first field of interlaced frames, half as high; progressive frames pass."""

    def __init__(self) -> None:
        self._graphs: dict[tuple[int, int, str], Graph] = {}
        self._last: tuple[av.VideoFrame, av.VideoFrame] | None = None

    def one_of(self, frame: av.VideoFrame) -> av.VideoFrame:
        if not frame.interlaced_frame or frame.height < 2:
            return frame
        if self._last is None or self._last[0] is not frame:
            self._last = frame, self._field(frame)
        return self._last[1]

    def _field(self, frame: av.VideoFrame) -> av.VideoFrame:
        key = frame.width, frame.height, frame.format.name
        if key not in self._graphs:
            self._graphs[key] = _field_graph(frame)
        self._graphs[key].push(frame)
        return self._graphs[key].pull()


def _field_graph(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    field, sink = graph.add("field", "type=top"), graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    return graph
