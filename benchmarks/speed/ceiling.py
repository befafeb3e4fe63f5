"""What this machine could do at most: a network's convolutions, one by one.

    python -m benchmarks.speed.ceiling [--backbone vgg16] [--batch-size 8] \
        [--precision auto]

Each different convolution runs alone, forward, backward by data and backward by filter,
in TensorFlow and, where it is installed, in PyTorch (either layout of memory); the best
of them counts. Their sum is the time below which no step goes without another
algorithm: all else, activations and pooling, loss and update, comes on top.
"""

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.machine import machine

if TYPE_CHECKING:
    import keras

DIRECTIONS = ("forward", "by data", "by filter")
# ours: calls of each, of which the fastest counts, after one that warms up
ROUNDS = 3
COLOURS = 3  # the images' own: no step asks for the gradient by them


@dataclass(frozen=True)
class Convolution:
    """`side` x `side` x `inputs` numbers to `filters` maps.

    `groups` is `inputs` where each map has its own filter (depthwise).
    """

    side: int
    inputs: int
    filters: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    padding: str = "same"

    @property
    def reach(self) -> int:
        """How many cells of a side the kernel spans."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def gflops(self) -> float:
        """Of one image in one direction; a multiply-add counts as two."""
        lost = self.reach - 1 if self.padding == "valid" else 0
        cells = math.ceil((self.side - lost) / self.stride) ** 2
        each = self.kernel**2 * self.inputs // self.groups
        return 2e-9 * cells * each * self.filters

    def __str__(self) -> str:
        text = (
            f"{self.side}, {self.inputs} to {self.filters}, {self.kernel}x{self.kernel}"
        )
        text += f", stride {self.stride}" * (self.stride > 1)
        text += f", dilation {self.dilation}" * (self.dilation > 1)
        return text + ", depthwise" * (self.groups > 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="vgg16")
    parser.add_argument("--neck")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    from base.keras_setup import import_keras

    import_keras()
    from models import Architecture, build
    from reports import markdown_table
    from training.hardware import devices

    device = devices.find_device()
    architecture = Architecture(args.backbone, 21, neck=args.neck)
    precision = devices.choose_precision(args.precision, device, architecture)
    print(machine("tensorflow", "torch"))
    model = build(architecture)
    ceiling = measure(model, args.batch_size, precision)
    rows = []
    for one, best in ceiling.best.items():
        gflops = one.gflops * args.batch_size
        rates = [
            f"{gflops / seconds:.0f} {engine}" for seconds, engine in best.values()
        ]
        rows.append((str(one), ceiling.counts[one], *rates))
    print(
        f"{args.backbone}, batch {args.batch_size}, {precision}; GFLOP/s, and whose:\n"
    )
    print(markdown_table(("side, maps, kernel", "times", *DIRECTIONS), rows))
    print(
        f"\nat most {args.batch_size / ceiling.forward:.2f} images/s forward, "
        f"{args.batch_size / ceiling.training:.2f} in training "
        f"({', '.join(f'{name} {ceiling.sum(name):.2f} s' for name in DIRECTIONS)})"
    )


@dataclass(frozen=True)
class Ceiling:
    """How often there is each convolution; direction -> best seconds and engine."""

    counts: Counter[Convolution]
    best: dict[Convolution, dict[str, tuple[float, str]]]

    def sum(self, direction: str) -> float:
        """Seconds of a batch."""
        return sum(
            self.counts[one] * best[direction][0]
            for one, best in self.best.items()
            if one.inputs > COLOURS or direction != "by data"
        )

    @property
    def forward(self) -> float:
        """Seconds of a batch, without anything but convolutions."""
        return self.sum("forward")

    @property
    def training(self) -> float:
        """Seconds of a batch, there and back."""
        return sum(map(self.sum, DIRECTIONS))


def measure(
    model: "keras.Model",
    batch_size: int,
    precision: str,
    directions: Sequence[str] = DIRECTIONS,
) -> Ceiling:
    """Each convolution of the model, alone."""
    counts, best = convolutions(model), {}
    for one in counts:
        best[one] = fastest(one, batch_size, precision, directions)
    return Ceiling(counts, best)


def convolutions(model: "keras.Model") -> Counter[Convolution]:
    """How often the model has each convolution.

    A transposed one counts as the convolution that leads the other way, whose backward
    pass by data it is.
    """
    import keras

    kinds = (
        keras.layers.Conv2D,
        keras.layers.Conv2DTranspose,
        keras.layers.DepthwiseConv2D,
    )
    found: Counter[Convolution] = Counter()
    for layer in model.layers:
        if not isinstance(layer, kinds):
            continue
        source, result = layer.input.shape, layer.output.shape
        if isinstance(layer, keras.layers.Conv2DTranspose):
            source, result = result, source
        one = Convolution(
            source[1],
            source[-1],
            result[-1],
            layer.kernel_size[0],
            stride=layer.strides[0],
            dilation=layer.dilation_rate[0],
            groups=source[-1] if isinstance(layer, kinds[2]) else 1,
            padding=layer.padding,
        )
        found[one] += 1
    return found


def fastest(
    convolution: Convolution, batch_size: int, precision: str, directions: Sequence[str]
) -> dict[str, tuple[float, str]]:
    """Direction -> seconds of a batch and the engine that took them."""
    makers = {"TensorFlow": _tensorflow, "torch": _torch, "torch, last": _torch_last}
    best = dict.fromkeys(directions, (math.inf, ""))
    for engine, make in makers.items():
        try:
            calls = make(convolution, batch_size, precision == "mixed_bfloat16")
        except ImportError:
            continue
        for direction, call in zip(DIRECTIONS, calls, strict=True):
            if direction not in directions:
                continue
            best[direction] = min(best[direction], (_seconds(call), engine))
    return best


def _seconds(call: Callable) -> float:
    seconds = []
    for _ in range(1 + ROUNDS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


def _tensorflow(
    convolution: Convolution, batch_size: int, is_half: bool
) -> Iterable[Callable]:
    import tensorflow as tf

    c = convolution
    dtype = tf.bfloat16 if is_half else tf.float32
    maps = tf.random.normal((batch_size, c.side, c.side, c.inputs), dtype=dtype)
    options = {
        "strides": [1, c.stride, c.stride, 1],
        "padding": c.padding.upper(),
        "dilations": [1, c.dilation, c.dilation, 1],
    }
    if c.groups > 1:
        shape = (c.kernel, c.kernel, c.inputs, 1)
        forward = tf.raw_ops.DepthwiseConv2dNative
        by_data = tf.raw_ops.DepthwiseConv2dNativeBackpropInput
        by_filter = tf.raw_ops.DepthwiseConv2dNativeBackpropFilter
    else:
        shape = (c.kernel, c.kernel, c.inputs, c.filters)
        forward = tf.raw_ops.Conv2D
        by_data = tf.raw_ops.Conv2DBackpropInput
        by_filter = tf.raw_ops.Conv2DBackpropFilter
    kernel = tf.random.normal(shape, dtype=dtype)
    result = forward(input=maps, filter=kernel, **options)

    def by_data_of() -> object:
        return by_data(
            input_sizes=maps.shape, filter=kernel, out_backprop=result, **options
        )

    def by_filter_of() -> object:
        return by_filter(input=maps, filter_sizes=shape, out_backprop=result, **options)

    calls = (
        lambda: forward(input=maps, filter=kernel, **options),
        by_data_of,
        by_filter_of,
    )
    return map(tf.function, calls)  # done when they return, on a processor


def _torch_last(*args) -> Iterable[Callable]:
    return _torch(*args, is_last=True)


def _torch(
    convolution: Convolution, batch_size: int, is_half: bool, is_last: bool = False
) -> Iterable[Callable]:
    import torch

    c = convolution
    layout = torch.channels_last if is_last else torch.contiguous_format

    def random(*shape: int) -> torch.Tensor:
        dtype = torch.bfloat16 if is_half else torch.float32
        return torch.randn(*shape, dtype=dtype).to(memory_format=layout)

    padding = [(c.reach - 1) // 2 if c.padding == "same" else 0] * 2
    maps = random(batch_size, c.inputs, c.side, c.side)
    kernel = random(c.filters, c.inputs // c.groups, c.kernel, c.kernel)
    geometry = ([c.stride] * 2, padding, [c.dilation] * 2)
    fixed = (*geometry, False, [0, 0], c.groups)
    result = torch.ops.aten.convolution(maps, kernel, None, *fixed)

    def backward(*wanted: bool) -> Callable:
        return lambda: torch.ops.aten.convolution_backward(
            result, maps, kernel, None, *fixed, wanted
        )

    return (
        lambda: torch.ops.aten.convolution(maps, kernel, None, *fixed),
        backward(True, False, False),
        backward(False, True, False),
    )


if __name__ == "__main__":
    main()
