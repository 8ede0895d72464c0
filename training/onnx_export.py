"""Write the student as ONNX, from the tensors that the torch runtime also reads.

The student is a plain chain, so its graph is built node by node: what stands in the file is what
is written here, and both runtimes compute with the same numbers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from models.card import NetworkConfig
from models.networks.layers import ConvPlan
from models.networks.mobilenet3d import MobileNet3D, plan_mobilenet3d
from models.spec import ClipSpec

INPUT = "windows_NTHWC"
OUTPUT = "logits_NK"
# Operator set 17 (ONNX 1.12, 2022) has every operator used here in a form that all engines know;
# IR version 8 belongs to it.
OPSET = 17
IR_VERSION = 8
NTHWC_TO_NCTHW = (0, 4, 1, 2, 3)
NO_ZERO_POINT = torch.tensor(0, dtype=torch.uint8)


class GraphBuilder:
    """Collects the nodes and constants of a graph whose nodes form a chain.

    Attributes:
        head: Name of the value that the chain gives so far.
    """

    def __init__(self) -> None:
        self.head = INPUT
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: Tensor | NDArray[np.generic]) -> str:
        """Store a constant and return its name."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def node(self, op_type: str, *inputs: str, output: str, **attributes: Any) -> str:
        """Add a node beside the chain and return the name of its output."""
        self._nodes.append(helper.make_node(op_type, inputs, [output], name=output, **attributes))
        return output

    def append(self, op_type: str, *inputs: str, output: str, **attributes: Any) -> None:
        """Add a node that takes the chain's head, and then `inputs`; its output is the new head."""
        self.head = self.node(op_type, self.head, *inputs, output=output, **attributes)

    def build(self, *, spec: ClipSpec, num_classes: int) -> onnx.ModelProto:
        """Return the checked model; its batch size is free."""
        graph = helper.make_graph(
            self._nodes,
            "mobilenet3d",
            [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["N", *spec.clip_shape])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", num_classes])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def export_fp32(network: MobileNet3D, path: Path, *, spec: ClipSpec) -> None:
    """Write a float network, its batch normalization folded into the convolutions.

    Args:
        network: The network as trained; it is exported as it evaluates, whatever its mode.
        path: File to write.
        spec: Gives the shape of the input; its mean and deviation are those of the network.
    """
    graph = GraphBuilder()
    # The transposition comes last: OpenVINO's first convolution then reads what is there already.
    mean_C, std_C = network.normalize.mean, network.normalize.std
    graph.append("Cast", output="raw_NTHWC", to=TensorProto.FLOAT)
    graph.append("Sub", graph.constant("mean", mean_C), output="centered_NTHWC")
    graph.append("Div", graph.constant("std", std_C), output="clips_NTHWC")
    graph.append("Transpose", output="clips_NCTHW", perm=NTHWC_TO_NCTHW)
    for layer in network.layers():
        name = layer.plan.name
        weight, bias = layer.folded()
        weight_name = graph.constant(f"{name}.weight", weight)
        _append_conv(graph, layer.plan, weight_name, graph.constant(f"{name}.bias", bias))
    _append_pool(graph)
    _append_head(graph, graph.constant("head.weight", network.head.weight), network.head.bias)
    _save(graph, path, spec=spec, num_classes=network.head.out_features)


def export_int8(
    tensors: Mapping[str, Tensor], config: NetworkConfig, path: Path, *, spec: ClipSpec
) -> None:
    """Write a quantized network: int8 weights, and QuantizeLinear and DequantizeLinear in pairs.

    An engine that reads the pairs as what they mean fuses each layer into one int8 kernel.

    Args:
        tensors: Those of `Int8MobileNet3D`, as `training.quantization.convert` gives them.
        config: Width, stem and strides.
        path: File to write.
        spec: Gives the shape of the input.
    """
    graph = GraphBuilder()
    _append_input(graph, tensors["input_scale"], tensors["input_zero_point"])
    for plan in plan_mobilenet3d(config):
        name = f"features.{plan.name}"
        weight = _add_weight(graph, name, tensors)
        _append_conv(graph, plan, weight, graph.constant(f"{name}.bias", tensors[f"{name}.bias"]))
        _append_rounding(graph, plan.name, tensors[f"{name}.output_scale"])
    _append_pool(graph)
    _append_rounding(graph, "head.input", tensors["head.input_scale"])
    _append_head(graph, _add_weight(graph, "head", tensors), tensors["head.bias"])
    _save(graph, path, spec=spec, num_classes=len(tensors["head.bias"]))


def _append_input(graph: GraphBuilder, scale: Tensor, zero_point: Tensor) -> None:
    """Bring raw bytes into the form in which engines recognize a quantized input.

    The pair gives back the very bytes that came. OpenVINO 2026.4 drops all of it and feeds the
    bytes to the first convolution; without the pair, or with a scale of 1, it computes that
    convolution in float.
    """
    graph.append("Transpose", output="raw_NCTHW", perm=NTHWC_TO_NCTHW)
    graph.append("Cast", output="raw_float_NCTHW", to=TensorProto.FLOAT)
    center = graph.constant("input.center", zero_point.float())
    graph.append("Sub", center, output="centered_NCTHW")
    graph.append("Mul", graph.constant("input.factor", scale), output="clips_NCTHW")
    _append_rounding(graph, "input", scale, zero_point=zero_point)


def _append_rounding(
    graph: GraphBuilder, name: str, scale: Tensor, *, zero_point: Tensor = NO_ZERO_POINT
) -> None:
    """Append the pair that stands for a uint8 activation."""
    scale_name = graph.constant(f"{name}.scale", scale)
    zero_point_name = graph.constant(f"{name}.zero_point", zero_point)
    graph.append("QuantizeLinear", scale_name, zero_point_name, output=f"{name}.stored")
    graph.append("DequantizeLinear", scale_name, zero_point_name, output=f"{name}.value")


def _add_weight(graph: GraphBuilder, name: str, tensors: Mapping[str, Tensor]) -> str:
    """Store an int8 weight with its scales and return the name of its float value."""
    stored, scale_O = tensors[f"{name}.weight"], tensors[f"{name}.weight_scale"]
    return graph.node(
        "DequantizeLinear",
        graph.constant(f"{name}.weight", stored),
        graph.constant(f"{name}.weight_scale", scale_O),
        graph.constant(f"{name}.weight_zero_point", torch.zeros_like(scale_O, dtype=torch.int8)),
        output=f"{name}.weight_value",
        axis=0,
    )


def _append_conv(graph: GraphBuilder, plan: ConvPlan, weight: str, bias: str) -> None:
    graph.append(
        "Conv",
        weight,
        bias,
        output=f"{plan.name}.conv",
        kernel_shape=plan.kernel,
        strides=plan.stride,
        pads=plan.padding * 2,
        group=plan.groups,
    )
    graph.append("Relu", output=f"{plan.name}.relu")


def _append_pool(graph: GraphBuilder) -> None:
    graph.append("GlobalAveragePool", output="pooled_NC111")
    graph.append("Flatten", output="features_NC", axis=1)


def _append_head(graph: GraphBuilder, weight: str, bias: Tensor) -> None:
    graph.append("Gemm", weight, graph.constant("head.bias", bias), output=OUTPUT, transB=1)


def _save(graph: GraphBuilder, path: Path, *, spec: ClipSpec, num_classes: int) -> None:
    onnx.save_model(graph.build(spec=spec, num_classes=num_classes), path)
