"""What runs a network: each engine turns a model into a `Network`, and one is chosen among them."""

from paddleseg_u2net.inference.backends.choice import AUTO, BACKENDS, Choice, choose
from paddleseg_u2net.inference.backends.eager import eager
from paddleseg_u2net.inference.backends.ncnn_network import ncnn_in_memory, ncnn_network
from paddleseg_u2net.inference.backends.onnx_runtime import onnxruntime
from paddleseg_u2net.inference.backends.open_vino import openvino
from paddleseg_u2net.inference.backends.paddle_inference import paddle_inference
from paddleseg_u2net.inference.network import BackendError

ENGINES = {"onnxruntime": onnxruntime, "openvino": openvino}
"""Engines that take an ONNX file or its content, by the backend's name."""

__all__ = [
    "AUTO",
    "BACKENDS",
    "ENGINES",
    "BackendError",
    "Choice",
    "choose",
    "eager",
    "ncnn_in_memory",
    "ncnn_network",
    "onnxruntime",
    "openvino",
    "paddle_inference",
]
