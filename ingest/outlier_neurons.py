"""Neurons whose outputs are far larger than those of the others get a layer of their own.

In some layers of a transformer one or two inner neurons answer some tokens five times as strongly
as any other neuron does. Quantised with the rest, they leave the rest few of the 256 steps;
computed apart, in float32, they cost next to nothing, and the rest fits eight bits. This is the
decomposition of LLM.int8() (Dettmers et al. 2022, arXiv:2208.07339), of neurons and not of numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ingest.openvino_runtime import cpu_model  # first: it keeps OpenVINO's telemetry out
from ingest.records import FloatMatrix

if TYPE_CHECKING:
    import openvino

# A neuron stands out if its largest output is this many times what 99 of 100 neurons stay below:
# one or two of the 1,536 in each layer of MiniLM. 1.2 to 3 give as good vectors.
_STANDS_OUT = 1.5
_USUAL_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class _InnerLayer:
    """down(activation(up(x) + bias)), which widens and then narrows again.

    bias: the input of the sum. wide: (neurons, taken), offsets: (..., neurons), narrow: (given,
    neurons): the numbers of `up`, `bias` and `down`, all float32.
    """

    up: openvino.Node
    bias: openvino.Input
    activation: openvino.Node
    down: openvino.Node
    wide: FloatMatrix
    offsets: npt.NDArray[np.float32]
    narrow: FloatMatrix


def set_apart(
    graph: openvino.Model, inputs: Iterable[Mapping[str, npt.NDArray[np.int64]]]
) -> list[str]:
    """Split the layers of a graph in place, where neurons stand out for any of the inputs.

    It computes what it did before. Returns the names of the new products, which are to keep their
    numbers.
    """
    names: list[str] = []
    for layer, peaks in zip(list(_layers(graph)), _peaks(graph, inputs), strict=True):
        outliers = np.flatnonzero(peaks > _STANDS_OUT * np.quantile(peaks, _USUAL_SHARE))
        if outliers.size:
            names += _split(layer, outliers)
    graph.validate_nodes_and_infer_types()
    return names


def narrowing_products(graph: openvino.Model) -> list[openvino.Node]:
    """The products with weights that give fewer features than they take."""
    found = []
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "MatMul":
            weights = node.input_value(1).get_partial_shape()
            if weights.is_static and len(weights) == 2:
                taken, given = weights.to_shape()
                if node.get_attributes()["transpose_b"]:
                    taken, given = given, taken
                if given < taken:
                    found.append(node)
    return found


def _layers(graph: openvino.Model) -> Iterator[_InnerLayer]:
    """Those whose neurons are independent of each other; a gated layer is none of them."""
    for down in narrowing_products(graph):
        activation = down.input_value(0).get_node()
        if activation.get_input_size() != 1 or not _feeds_one(activation):
            continue
        add = activation.input_value(0).get_node()
        if add.get_type_name() != "Add" or not _feeds_one(add):
            continue
        for product, bias in ((0, 1), (1, 0)):
            up = add.input_value(product).get_node()
            offsets = _numbers(add.input_value(bias))
            if up.get_type_name() != "MatMul" or not _feeds_one(up) or offsets is None:
                continue
            wide, narrow = _weights(up), _weights(down)
            if wide is not None and narrow is not None and offsets.shape[-1:] == wide.shape[:1]:
                yield _InnerLayer(up, add.input(bias), activation, down, wide, offsets, narrow)
                break


def _feeds_one(node: openvino.Node) -> bool:
    return len(node.output(0).get_target_inputs()) == 1


def _numbers(output: openvino.Output) -> npt.NDArray[np.float32] | None:
    """A constant's; None of what is computed."""
    node = output.get_node()
    if node.get_type_name() != "Constant":
        return None
    return np.array(node.get_data(), dtype=np.float32)


def _weights(product: openvino.Node) -> FloatMatrix | None:
    """(given, taken) float32; None where they are computed."""
    weights = _numbers(product.input_value(1))
    if weights is None or weights.ndim != 2:
        return None
    return weights if product.get_attributes()["transpose_b"] else weights.T


def _peaks(
    graph: openvino.Model, inputs: Iterable[Mapping[str, npt.NDArray[np.int64]]]
) -> list[npt.NDArray[np.float32]]:
    """For each of `_layers` (neurons,): the largest output of each neuron."""
    probe = graph.clone()
    layers = list(_layers(probe))
    first = len(probe.outputs)
    probe.add_outputs([layer.activation.output(0) for layer in layers])
    compute = cpu_model(probe)
    peaks = [np.zeros(len(layer.wide), dtype=np.float32) for layer in layers]
    for given in inputs:
        results = compute(given)
        for number, peak in enumerate(peaks):
            outputs = np.abs(results[first + number])
            np.maximum(peak, outputs.reshape(-1, len(peak)).max(axis=0), out=peak)
    return peaks


def _split(layer: _InnerLayer, outliers: npt.NDArray[np.intp]) -> tuple[str, str]:
    """Move neurons of a layer to one beside it. Returns the names of its two products."""
    from openvino import opset13 as ops
    from openvino.utils.node_factory import NodeFactory

    # In the old layer they give 0 whatever comes, and what they gave is not looked at.
    wide, offsets, narrow = layer.wide.copy(), layer.offsets.copy(), layer.narrow.copy()
    wide[outliers] = 0
    offsets[..., outliers] = 0
    narrow[:, outliers] = 0
    name = layer.down.get_friendly_name()
    targets = layer.down.output(0).get_target_inputs()

    up = ops.matmul(layer.up.input_value(0), layer.wide[outliers], False, True)
    shifted = ops.add(up, layer.offsets[..., outliers])
    active = NodeFactory("opset13").create(
        layer.activation.get_type_name(),
        [shifted.output(0)],
        layer.activation.get_attributes(),
    )
    down = ops.matmul(active, np.ascontiguousarray(layer.narrow[:, outliers]), False, True)
    both = ops.add(layer.down, down)
    for target in targets:
        target.replace_source_output(both.output(0))

    for product, weights in ((layer.up, wide), (layer.down, narrow)):
        stored = weights if product.get_attributes()["transpose_b"] else weights.T
        constant = ops.constant(np.ascontiguousarray(stored))
        product.input(1).replace_source_output(constant.output(0))
    layer.bias.replace_source_output(ops.constant(offsets).output(0))
    up.set_friendly_name(f"{name}/outliers/up")
    down.set_friendly_name(f"{name}/outliers/down")
    return up.get_friendly_name(), down.get_friendly_name()
