"""Layers that are split, against NumPy: what they compute stays, what stands out goes elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from ingest.openvino_runtime import cpu_model  # first: it keeps OpenVINO's telemetry out
from ingest.outlier_neurons import set_apart

import openvino  # isort: skip
from openvino import opset13 as ops  # isort: skip

FEATURES, NEURONS = 8, 400
LOUD = (17, 250)
Numbers = npt.NDArray[np.float32]


def gelu(x: Numbers) -> Numbers:
    return (x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2).astype(np.float32)


def relu(x: Numbers) -> Numbers:
    return np.maximum(x, 0)


def weights() -> tuple[Numbers, Numbers, Numbers]:
    """Two neurons of the many answer far more strongly than the others."""
    random = np.random.default_rng(5)
    up = random.normal(size=(NEURONS, FEATURES)).astype(np.float32)
    up[list(LOUD)] *= 10
    offsets = random.normal(size=(1, 1, NEURONS)).astype(np.float32)
    down = random.normal(size=(FEATURES, NEURONS)).astype(np.float32)
    return up, offsets, down


def layer(activation: str, *, transposed: bool, gated: bool = False) -> openvino.Model:
    up, offsets, down = weights()
    tokens = ops.parameter([-1, -1, FEATURES], np.float32, name="x")

    def product(x: openvino.Node, numbers: Numbers) -> openvino.Node:
        stored = numbers if transposed else np.ascontiguousarray(numbers.T)
        return ops.matmul(x, ops.constant(stored), False, transposed)

    wide = ops.add(product(tokens, up), ops.constant(offsets))
    active = ops.gelu(wide, "ERF") if activation == "gelu" else ops.relu(wide)
    if gated:
        active = ops.multiply(active, product(tokens, up[::-1].copy()))
    return openvino.Model([product(active, down)], [tokens])


def computed(graph: openvino.Model, x: Numbers) -> Numbers:
    return np.array(cpu_model(graph)({0: x})[0])


def products(graph: openvino.Model) -> dict[str, openvino.Node]:
    return {n.get_friendly_name(): n for n in graph.get_ops() if n.get_type_name() == "MatMul"}


@pytest.mark.parametrize(("name", "activation"), [("gelu", gelu), ("relu", relu)])
@pytest.mark.parametrize("transposed", [True, False])
def test_what_it_computes_stays(
    name: str, activation: Callable[[Numbers], Numbers], transposed: bool
) -> None:
    up, offsets, down = weights()
    x = np.random.default_rng(6).normal(size=(3, 5, FEATURES)).astype(np.float32)
    expected = activation(x @ up.T + offsets) @ down.T
    graph = layer(name, transposed=transposed)
    before = set(products(graph))
    np.testing.assert_allclose(computed(graph, x), expected, rtol=1e-4, atol=1e-3)
    names = set_apart(graph, [{"x": x}])
    np.testing.assert_allclose(computed(graph, x), expected, rtol=1e-4, atol=1e-3)
    apart = {name: products(graph)[name] for name in names}
    assert set(products(graph)) - before == set(apart)
    small = sorted(tuple(node.get_input_shape(1)) for node in apart.values())
    assert small == [(len(LOUD), FEATURES), (FEATURES, len(LOUD))]
    for kept in before:
        numbers = products(graph)[kept].input_value(1).get_node().get_data()
        of_neuron = numbers if numbers.shape[0] == NEURONS else numbers.T
        assert not of_neuron[list(LOUD)].any()
        assert np.count_nonzero(of_neuron.any(axis=1)) == NEURONS - len(LOUD)


def test_a_layer_of_like_neurons_and_a_gated_one_are_left_alone() -> None:
    quiet = np.full((1, 1, FEATURES), 1e-3, dtype=np.float32)  # the offsets alone are seen
    loud = np.ones((1, 2, FEATURES), dtype=np.float32)
    for graph, x in (
        (layer("relu", transposed=True), quiet),
        (layer("gelu", transposed=True, gated=True), loud),
    ):
        before = set(products(graph))
        assert set_apart(graph, [{"x": x}]) == []
        assert set(products(graph)) == before
