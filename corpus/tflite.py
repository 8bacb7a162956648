"""TensorFlow Lite networks in plain torch: a file is read without its own runtime and run as it stands, batched, on any device.

A .tflite file is a FlatBuffer: tables whose fields are found by an offset table (format: flatbuffers.dev/internals; the fields are those
of TensorFlow's schema.fbs). `read_graph` takes tensors and operations out of it with numpy alone; `TfliteNetwork` computes the
operations that the networks in Feelm's weights consist of, and refuses a file that holds another.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.terms import FeelmError


class TfliteError(FeelmError):
    """A file is no TensorFlow Lite network, or holds an operation that is not ported."""


class Kind(IntEnum):
    """The ported operations by their builtin code."""

    ADD = 0
    CONV = 3
    DEPTHWISE_CONV = 4
    DEQUANTIZE = 6
    LOGISTIC = 14
    MAX_POOL = 17
    RELU = 19
    RESHAPE = 22
    RESIZE_BILINEAR = 23
    SOFTMAX = 25
    PAD = 34
    MEAN = 40
    PRELU = 54


@dataclass(frozen=True)
class Operation:
    """One step: which tensors it takes and gives, and its settings as far as it has them.

    `same` is TensorFlow's SAME padding; `stride` and `kernel` are (rows, columns); `limit` is where what is given is cut off (above it, and
    below 0), infinity for a plain rectifier and None for no such function.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    same: bool = False
    stride: tuple[int, int] = (1, 1)
    kernel: tuple[int, int] = (1, 1)
    limit: float | None = None


@dataclass(frozen=True)
class Graph:
    """A network's operations in their order, its constants by tensor index as float32 or int32, and all tensors' shapes."""

    operations: tuple[Operation, ...]
    constants: dict[int, np.ndarray]
    shapes: tuple[tuple[int, ...], ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Table:
    """A FlatBuffer's table: its fields by number."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place
        self._fields = place - struct.unpack_from("<i", content, place)[0]

    def _at(self, number: int) -> int:
        """Where the field lies, 0 for a field that is left at its default."""
        size = struct.unpack_from("<H", self._content, self._fields)[0]
        offset = struct.unpack_from("<H", self._content, self._fields + 4 + 2 * number)[0] if 4 + 2 * number < size else 0
        return self._place + offset if offset else 0

    def number(self, field: int, form: str = "b", default: int = 0) -> int:
        at = self._at(field)
        return int(struct.unpack_from(f"<{form}", self._content, at)[0]) if at else default

    def _pointed(self, at: int) -> int:
        return at + int(struct.unpack_from("<I", self._content, at)[0])

    def table(self, field: int) -> _Table | None:
        at = self._at(field)
        return _Table(self._content, self._pointed(at)) if at else None

    def tables(self, field: int) -> list[_Table]:
        at = self._at(field)
        if not at:
            return []
        vector = self._pointed(at)
        count = struct.unpack_from("<I", self._content, vector)[0]
        return [_Table(self._content, self._pointed(vector + 4 + 4 * n)) for n in range(count)]

    def array(self, field: int, dtype: str) -> np.ndarray:
        at = self._at(field)
        if not at:
            return np.zeros(0, dtype)
        vector = self._pointed(at)
        count = struct.unpack_from("<I", self._content, vector)[0]
        return np.frombuffer(self._content, dtype, count, vector + 4)


_DTYPES = {0: "<f4", 1: "<f2", 2: "<i4", 3: "|u1", 4: "<i8", 9: "|i1"}
_LIMITS = {0: None, 1: float("inf"), 3: 6.0}


def read_graph(path: Path) -> Graph:
    """The network of a .tflite file.

    Raises:
        TfliteError: it is none, is sparse or partly quantised in an unknown way, or holds an operation that is not ported.
    """
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise TfliteError(f"{path} is no TensorFlow Lite file: fetch its weight again")
    model = _Table(content, struct.unpack_from("<I", content)[0])
    codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
    buffers = model.tables(4)
    main = model.tables(2)[0]
    tensors = main.tables(0)
    constants = {index: value for index, tensor in enumerate(tensors) if (value := _constant(tensor, buffers, path)) is not None}
    operations = []
    for made in main.tables(3):
        operation = _operation(made, codes[made.number(0, "I")], path)
        if operation.kind is Kind.DEQUANTIZE and operation.inputs[0] in constants:
            constants[operation.output] = constants[operation.inputs[0]].astype(np.float32)
        else:
            operations.append(operation)
    shapes = tuple(tuple(int(side) for side in tensor.array(0, "<i4")) for tensor in tensors)
    inputs, outputs = (tuple(int(index) for index in main.array(field, "<i4")) for field in (1, 2))
    return Graph(tuple(operations), constants, shapes, inputs, outputs)


def _constant(tensor: _Table, buffers: list[_Table], path: Path) -> np.ndarray | None:
    """A tensor's values in its shape, None for one that is computed; quantised ones as float32."""
    data = buffers[tensor.number(2, "I")].array(0, "|u1")
    if not len(data):
        return None
    if tensor.table(6) is not None:
        raise TfliteError(f"{path} holds sparse weights, which are not ported")
    values = data.view(_DTYPES[tensor.number(1)]).reshape(tensor.array(0, "<i4"))
    quantisation = tensor.table(4)
    scales = quantisation.array(2, "<f4") if quantisation else np.zeros(0, "<f4")
    if quantisation is None or not len(scales):
        return values
    shape = [1] * values.ndim
    shape[quantisation.number(6, "i") if len(scales) > 1 else 0] = len(scales)
    zero = quantisation.array(3, "<i8")
    return ((values.astype(np.int64) - zero.reshape(shape)) * scales.reshape(shape)).astype(np.float32)


def _operation(made: _Table, code: int, path: Path) -> Operation:
    if code not in list(Kind):
        raise TfliteError(f"{path} holds the operation {code}, which is not ported")
    kind = Kind(code)
    inputs = tuple(int(index) for index in made.array(1, "<i4") if index >= 0)
    operation = Operation(kind, inputs, int(made.array(2, "<i4")[0]))
    options = made.table(4)
    return operation if options is None else _with_settings(operation, options, path)


# Of each operation with such settings: the fields of its kernel's height (the width is before it) and of the function that follows.
_FUNCTION_FIELD = {Kind.ADD: 0, Kind.CONV: 3, Kind.DEPTHWISE_CONV: 4, Kind.MAX_POOL: 5}
_STRIDED = (Kind.CONV, Kind.DEPTHWISE_CONV, Kind.MAX_POOL)


def _with_settings(operation: Operation, options: _Table, path: Path) -> Operation:
    """The operation with what its options say."""
    kind = operation.kind
    function = options.number(_FUNCTION_FIELD[kind]) if kind in _FUNCTION_FIELD else 0
    if function not in _LIMITS:
        raise TfliteError(f"{path} holds the function {function} behind {kind.name}, which is not ported")
    if kind is Kind.RESIZE_BILINEAR and (options.number(2) or not options.number(3)):
        raise TfliteError(f"{path} resizes with pixels that have their centres at corners, which is not ported")
    if kind not in _STRIDED:
        return replace(operation, limit=_LIMITS[function])
    stride = options.number(2, "i", 1), options.number(1, "i", 1)
    kernel = (options.number(4, "i", 1), options.number(3, "i", 1)) if kind is Kind.MAX_POOL else (1, 1)
    return replace(operation, limit=_LIMITS[function], same=options.number(0) == 0, stride=stride, kernel=kernel)


class TfliteNetwork(nn.Module):
    """The part of a graph that its wanted outputs follow from; maps float (n, c, h, w) to a tuple of them.

    What the file gives as (1, h, w, c) comes as (n, c, h, w); what it has reshaped comes as (n, ...) in the file's order.
    """

    def __init__(self, graph: Graph, outputs: Iterable[int] | None = None) -> None:
        super().__init__()
        self.outputs = tuple(graph.outputs if outputs is None else outputs)
        steps = [_step(operation, graph) for operation in _needed(graph, self.outputs)]
        self.steps = nn.ModuleList(steps)
        self._inlet = graph.inputs[0]
        self._order = list(zip(steps, _last_uses(steps, self.outputs), strict=True))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        known = {self._inlet: x}
        for step, done in self._order:
            known[step.output] = step(*(known[index] for index in step.inputs))
            for index in done:
                del known[index]
        return tuple(known[index] for index in self.outputs)


def load_network(
    path: Path, device: str = "cpu", precision: torch.dtype = torch.float32, widths: Iterable[int] | None = None
) -> TfliteNetwork:
    """The network of a .tflite file, ready to run on `device`; of its outputs the first one of each width (last dimension) in `widths`.

    Raises:
        TfliteError: the file cannot be read, or has no such output.
    """
    graph = read_graph(path)
    outputs = graph.outputs if widths is None else [_output(graph, width, path) for width in widths]
    network = TfliteNetwork(graph, outputs).eval().requires_grad_(False)
    return network.to(device=device, dtype=precision)


def _output(graph: Graph, width: int, path: Path) -> int:
    for index in graph.outputs:
        if graph.shapes[index][-1] == width:
            return index
    raise TfliteError(f"{path} has no output of width {width}")


def _needed(graph: Graph, outputs: tuple[int, ...]) -> list[Operation]:
    wanted, steps = set(outputs), []
    for operation in reversed(graph.operations):
        if operation.output in wanted:
            steps.append(operation)
            wanted |= set(operation.inputs)
    return steps[::-1]


def _last_uses(steps: list[_Step], outputs: tuple[int, ...]) -> list[tuple[int, ...]]:
    """For each step the tensors that nothing after it takes, so that memory is given back as it goes."""
    seen, ends = set(outputs), []
    for step in reversed(steps):
        ends.append(tuple(sorted({*step.inputs} - seen)))
        seen |= {*step.inputs}
    return ends[::-1]


class _Step(nn.Module):
    """One operation; `inputs` are the tensors that it takes from other steps."""

    def __init__(self, operation: Operation, graph: Graph) -> None:
        super().__init__()
        self.inputs = tuple(index for index in operation.inputs if index not in graph.constants)
        self.output = operation.output
        self.limit = operation.limit

    def _limited(self, made: Tensor) -> Tensor:
        """In place: what a step has made is nobody else's yet."""
        if self.limit is None:
            return made
        return made.relu_() if self.limit == float("inf") else made.clamp_(0, self.limit)


class _Add(_Step):
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self._limited(first + second)


class _Relu(_Step):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu()


class _Logistic(_Step):
    def forward(self, x: Tensor) -> Tensor:
        return x.sigmoid()


class _Softmax(_Step):
    def forward(self, x: Tensor) -> Tensor:
        return x.softmax(1)


class _Mean(_Step):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class _PRelu(_Step):
    def __init__(self, operation: Operation, graph: Graph) -> None:
        super().__init__(operation, graph)
        self.slope = _parameter(graph.constants[operation.inputs[1]].reshape(-1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.prelu(x, self.slope)


class _Resize(_Step):
    def __init__(self, operation: Operation, graph: Graph) -> None:
        super().__init__(operation, graph)
        self.size = graph.shapes[operation.output][1:3]

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(x, self.size, mode="bilinear", align_corners=False)


class _Reshape(_Step):
    def __init__(self, operation: Operation, graph: Graph) -> None:
        super().__init__(operation, graph)
        self.shape = graph.shapes[operation.output][1:]

    def forward(self, x: Tensor) -> Tensor:
        return (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).reshape(len(x), *self.shape)


class _Pad(_Step):
    def __init__(self, operation: Operation, graph: Graph) -> None:
        super().__init__(operation, graph)
        (_, _), rows, columns, channels = graph.constants[operation.inputs[1]].tolist()
        self.sides = [*columns, *rows, *channels]

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, self.sides)


class _Window(_Step):
    """What slides over the picture: `before` must be padded by hand (left, right, top, bottom), `padding` the step does itself."""

    def __init__(self, operation: Operation, graph: Graph, kernel: tuple[int, int]) -> None:
        super().__init__(operation, graph)
        self.kernel, self.stride = kernel, operation.stride
        sides = graph.shapes[operation.inputs[0]][1:3]
        (top, bottom), (left, right) = (
            same_padding(side, window, step) if operation.same else (0, 0)
            for side, window, step in zip(sides, kernel, self.stride, strict=True)
        )
        even = top == bottom and left == right
        self.padding = (top, left) if even else (0, 0)
        self.before = None if even else (left, right, top, bottom)


class _MaxPool(_Window):
    def __init__(self, operation: Operation, graph: Graph) -> None:
        super().__init__(operation, graph, operation.kernel)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.before is None else functional.pad(x, self.before, value=-torch.inf)
        return functional.max_pool2d(x, self.kernel, self.stride, self.padding)


class _Conv(_Window):
    def __init__(self, operation: Operation, graph: Graph) -> None:
        weight = graph.constants[operation.inputs[1]]
        super().__init__(operation, graph, (weight.shape[1], weight.shape[2]))
        deep = operation.kind is Kind.DEPTHWISE_CONV
        self.groups = weight.shape[3] if deep else 1
        self.weight = _parameter(weight.transpose((3, 0, 1, 2) if deep else (0, 3, 1, 2)))
        self.bias = _parameter(graph.constants[operation.inputs[2]]) if len(operation.inputs) > 2 else None

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.before is None else functional.pad(x, self.before)
        return self._limited(functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, groups=self.groups))


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Pixels before and after by TensorFlow's SAME padding, which puts the odd one at the end."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def _parameter(values: np.ndarray) -> nn.Parameter:
    # Channels last is what separable convolutions are fastest on.
    order = torch.channels_last if values.ndim == 4 else torch.contiguous_format
    return nn.Parameter(torch.from_numpy(np.array(values, np.float32)).contiguous(memory_format=order), requires_grad=False)


_STEPS: dict[Kind, Callable[[Operation, Graph], _Step]] = {
    Kind.ADD: _Add,
    Kind.CONV: _Conv,
    Kind.DEPTHWISE_CONV: _Conv,
    Kind.LOGISTIC: _Logistic,
    Kind.MAX_POOL: _MaxPool,
    Kind.RELU: _Relu,
    Kind.RESHAPE: _Reshape,
    Kind.RESIZE_BILINEAR: _Resize,
    Kind.SOFTMAX: _Softmax,
    Kind.PAD: _Pad,
    Kind.MEAN: _Mean,
    Kind.PRELU: _PRelu,
}


def _step(operation: Operation, graph: Graph) -> _Step:
    return _STEPS[operation.kind](operation, graph)
