"""From an ``nn.Module`` to a ``Network``: torch.fx records it, each operation becomes a layer or is refused.

The module itself is never run and never changed. It is read in evaluation mode whatever its flag says.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import fx, nn
from torch.nn import functional as ops

from method_adapters.attribution._relevance import fold
from method_adapters.attribution._relevance.graph import Network, UnsupportedModel
from method_adapters.attribution._relevance.layers import (
    Add,
    Affine,
    Average,
    Concat,
    Input,
    Layer,
    Maximum,
    Rectifier,
    Reshape,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

COVERED = (
    "Linear",
    "Conv1d",
    "Conv2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "ReLU",
    "MaxPool1d",
    "MaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "Flatten",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Identity",
    "Add",
)
"""Class names of the modules that are covered; ``Add`` is any module that only adds two tensors."""

_ROWS = 2  # rows of the sample that shapes are read from: not one, which could be mistaken for any other axis
_MAX_POOL = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVG_POOL_1D = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
_AVG_POOL = (*_AVG_POOL_1D, "divisor_override")


def trace(model: nn.Module, inputs: Tensor) -> Network:
    """Return the model as a network without BatchNorm, in the dtype and on the device of ``inputs`` [N, ...].

    Raises:
        UnsupportedModel: an operation is not covered, or torch.fx cannot follow the model.
    """
    if type(model) in _MODULES:  # torch.fx would look into a lone layer
        model = nn.Sequential(model)
    try:
        graph = _Tracer().trace(model)
    except Exception as fault:
        raise UnsupportedModel(
            f"torch.fx cannot follow {type(model).__name__}: {fault}; its forward must not branch on data"
        ) from fault
    builder = _Builder(dict(model.named_modules()), inputs.new_zeros((_ROWS, *inputs.shape[1:])))
    for node in graph.nodes:
        builder.add(node)
    count = builder.output + 1
    shapes = [tuple(sample.shape[1:]) for sample in builder.samples]
    layers, sizes = fold.fold(builder.layers[:count], shapes[:count])
    return Network(tuple(fold.cast(layer, inputs) for layer in layers), tuple(sizes))


class _Tracer(fx.Tracer):
    """Looks into every module that is not of torch.nn, past its hooks and past a replaced ``forward``."""

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Record a module of torch.nn; go through any other one."""
        if not self.is_leaf_module(m, self.path_of_module(m)):
            forward = partial(type(m).forward, m)
        return super().call_module(m, forward, args, kwargs)


@dataclass
class _Builder:
    """Turns fx nodes into layers, one after the other, with a sample of every value to read shapes from."""

    modules: dict[str, nn.Module]
    sample: Tensor
    layers: list[Layer] = field(default_factory=list)
    samples: list[Tensor] = field(default_factory=list)
    known: dict[fx.Node, Any] = field(default_factory=dict)  # node -> _Ref to a layer, or plain data
    output: int = -1

    def add(self, node: fx.Node) -> None:
        """Take the next node."""
        self.known[node] = getattr(self, f"_{node.op}")(node)

    def source(self, node: fx.Node, at: int = 0) -> _Ref:
        """Return the layer that the node's argument number ``at`` stands for."""
        given = node.args[at] if at < len(node.args) else node.kwargs.get(("input", "other")[at])
        found = self.known.get(given) if isinstance(given, fx.Node) else None
        if not isinstance(found, _Ref):
            raise self.refusal(node, "on something that is not computed from the input")
        return found

    def append(self, layer: Layer) -> _Ref:
        """Add a layer and compute its sample."""
        self.layers.append(layer)
        if isinstance(layer, Input):
            self.samples.append(self.sample)
        else:
            self.samples.append(layer.forward(*(self.samples[i] for i in layer.inputs)))
        return _Ref(len(self.layers) - 1)

    def refusal(self, node: fx.Node, why: str = "") -> UnsupportedModel:
        """Return the error that names the node."""
        what = getattr(node.target, "__name__", node.target)
        if node.op == "call_module":
            what = f"{node.target} ({type(self.modules[str(node.target)]).__name__})"
        return UnsupportedModel(f"{what} {why or 'is not covered'}; covered modules: {', '.join(COVERED)}")

    def _placeholder(self, node: fx.Node) -> Any:
        if not self.layers:
            return self.append(Input(node.name, ()))
        if not node.args:
            raise self.refusal(node, "is a second input")
        return node.args[0]

    def _get_attr(self, node: fx.Node) -> Any:
        raise self.refusal(node, "is used outside of a module")

    def _output(self, node: fx.Node) -> None:
        result = self.known.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
        if not isinstance(result, _Ref) or self.samples[result.index].ndim != 2:
            raise UnsupportedModel("the model must return one tensor of logits [N, K]")
        self.output = result.index

    def _call_module(self, node: fx.Node) -> Any:
        module = self.modules[str(node.target)]
        make = _MODULES.get(type(module))
        if make is None:
            raise self.refusal(node)
        return make(self, node, module)

    def _call_function(self, node: fx.Node) -> Any:
        make = _FUNCTIONS.get(node.target)
        if make is None:
            raise self.refusal(node)
        return make(self, node)

    def _call_method(self, node: fx.Node) -> Any:
        make = _METHODS.get(str(node.target))
        if make is None:
            raise self.refusal(node)
        return make(self, node)


@dataclass(frozen=True)
class _Ref:
    """A value that layer ``index`` computes."""

    index: int


def _same(build: _Builder, node: fx.Node, module: nn.Module | None = None) -> _Ref:  # noqa: ARG001
    """Dropout and identity: no layer at all."""
    return build.source(node)


def _rectifier(build: _Builder, node: fx.Node, module: nn.Module | None = None) -> _Ref:  # noqa: ARG001
    return build.append(Rectifier(node.name, (build.source(node).index,)))


def _linear(build: _Builder, node: fx.Node, module: nn.Module) -> _Ref:
    module = cast("nn.Linear", module)
    source = build.source(node).index
    if build.samples[source].ndim != 2:
        raise build.refusal(node, "must read [N, features]; flatten before it")
    return build.append(Affine(str(node.target), (source,), *_parameters(module, build.sample)))


def _conv(build: _Builder, node: fx.Node, module: nn.Module) -> _Ref:
    module = cast("nn.Conv1d | nn.Conv2d", module)
    if module.padding_mode != "zeros":
        raise build.refusal(node, f"pads with {module.padding_mode!r}; only zeros are covered")
    padding = module.padding
    if padding == "valid":
        padding = (0,) * len(module.kernel_size)
    elif padding == "same":
        reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        if any(r % 2 for r in reach):
            raise build.refusal(node, "pads unevenly ('same' with an even kernel); give the padding as numbers")
        padding = tuple(r // 2 for r in reach)
    return build.append(
        Affine(
            str(node.target),
            (build.source(node).index,),
            *_parameters(module, build.sample),
            stride=module.stride,
            padding=cast("tuple[int, ...]", padding),
            dilation=module.dilation,
            groups=module.groups,
        )
    )


def _parameters(module: nn.Linear | nn.Conv1d | nn.Conv2d, like: Tensor) -> tuple[Tensor, Tensor | None]:
    bias = None if module.bias is None else module.bias.detach().to(like, copy=True)
    return module.weight.detach().to(like, copy=True), bias


def _norm(build: _Builder, node: fx.Node, module: nn.Module) -> _Ref:
    module = cast("fold.BatchNorm", module)
    return build.append(fold.norm_layer(module, str(node.target), build.source(node).index))


def _max_pool(function: Any, build: _Builder, node: fx.Node, module: nn.Module | None = None) -> _Ref:
    given = _settings(_MAX_POOL, node, module)
    given = {name: value for name, value in given.items() if name in _MAX_POOL} | {"return_indices": True}
    return build.append(Maximum(node.name, (build.source(node).index,), partial(function, **given)))


def _average(
    function: Any, names: tuple[str, ...], build: _Builder, node: fx.Node, module: nn.Module | None = None
) -> _Ref:
    given = _settings(names, node, module)
    return build.append(Average(node.name, (build.source(node).index,), partial(function, **given)))


def _settings(names: tuple[str, ...], node: fx.Node, module: nn.Module | None) -> dict[str, Any]:
    """Return the settings of a pooling by name, from its module or from the call."""
    if module is not None:
        return {name: getattr(module, name) for name in names}
    return dict(zip(names, node.args[1:], strict=False)) | {k: v for k, v in node.kwargs.items() if k != "input"}


def _mean(build: _Builder, node: fx.Node) -> _Ref:
    given = _settings(("dim", "keepdim"), node, None)
    source = build.source(node).index
    axes = given.get("dim")
    axes = [axes] if isinstance(axes, int) else list(axes or [])
    rank = build.samples[source].ndim
    if not axes or any(axis % rank == 0 for axis in axes):
        raise build.refusal(node, "averages over the batch")
    function = partial(torch.mean, dim=tuple(axes), keepdim=bool(given.get("keepdim", False)))
    return build.append(Average(node.name, (source,), function))


def _add(build: _Builder, node: fx.Node) -> _Ref:
    one, other = build.source(node, 0).index, build.source(node, 1).index
    if node.kwargs.get("alpha", 1) != 1 or build.samples[one].shape != build.samples[other].shape:
        raise build.refusal(node, "is covered for two branches of one shape and alpha = 1 only")
    return build.append(Add(node.name, (one, other)))


def _concat(build: _Builder, node: fx.Node) -> _Ref:
    parts = node.args[0] if node.args else node.kwargs["tensors"]
    refs = [build.known.get(part) for part in cast("list[fx.Node]", parts)]
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    if not all(isinstance(ref, _Ref) for ref in refs) or not isinstance(axis, int):
        raise build.refusal(node, "on something that is not computed from the input")
    indices = tuple(cast("_Ref", ref).index for ref in refs)
    axis %= build.samples[indices[0]].ndim
    if axis == 0:
        raise build.refusal(node, "along the batch")
    return build.append(Concat(node.name, indices, axis))


def _reshape(build: _Builder, node: fx.Node, module: nn.Module | None = None) -> _Ref:
    """Do the operation on the sample and keep the shape it gave."""
    source = build.source(node).index
    sample = build.samples[source]
    if module is not None:
        start, end = cast("nn.Flatten", module).start_dim, cast("nn.Flatten", module).end_dim
        after = sample.flatten(start, end)
    else:
        args = fx.node.map_arg(node.args[1:], build.known.__getitem__)
        kwargs = fx.node.map_arg({k: v for k, v in node.kwargs.items() if k != "input"}, build.known.__getitem__)
        name = node.target if isinstance(node.target, str) else cast("Any", node.target).__name__
        after = getattr(sample, name)(*cast("tuple[Any, ...]", args), **cast("dict[str, Any]", kwargs))
    if after.ndim == 0 or len(after) != _ROWS:
        raise build.refusal(node, "mixes the batch with other axes")
    return build.append(Reshape(node.name, (source,), tuple(after.shape[1:])))


def _size(build: _Builder, node: fx.Node) -> Any:
    shape = build.samples[build.source(node).index].shape
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    return shape if axis is None else shape[cast("int", axis)]


def _getattr(build: _Builder, node: fx.Node) -> Any:
    if node.args[1] != "shape":
        raise build.refusal(node, f"of {node.args[1]!r} is not covered")
    return build.samples[build.source(node).index].shape


def _getitem(build: _Builder, node: fx.Node) -> Any:
    whole = build.known.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
    if not isinstance(whole, tuple):
        raise build.refusal(node, "is covered for shapes only")
    return whole[cast("int", node.args[1])]


_MODULES: dict[type[nn.Module], Callable[[_Builder, fx.Node, nn.Module], Any]] = {
    nn.Linear: _linear,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    nn.ReLU: _rectifier,
    nn.MaxPool1d: partial(_max_pool, ops.max_pool1d),
    nn.MaxPool2d: partial(_max_pool, ops.max_pool2d),
    nn.AvgPool1d: partial(_average, ops.avg_pool1d, _AVG_POOL_1D),
    nn.AvgPool2d: partial(_average, ops.avg_pool2d, _AVG_POOL),
    nn.AdaptiveAvgPool1d: partial(_average, ops.adaptive_avg_pool1d, ("output_size",)),
    nn.AdaptiveAvgPool2d: partial(_average, ops.adaptive_avg_pool2d, ("output_size",)),
    nn.Flatten: _reshape,
    nn.Dropout: _same,
    nn.Dropout1d: _same,
    nn.Dropout2d: _same,
    nn.Identity: _same,
}
_FUNCTIONS: dict[Any, Callable[[_Builder, fx.Node], Any]] = {
    ops.relu: _rectifier,
    torch.relu: _rectifier,
    ops.max_pool1d: partial(_max_pool, ops.max_pool1d),
    ops.max_pool2d: partial(_max_pool, ops.max_pool2d),
    ops.avg_pool1d: partial(_average, ops.avg_pool1d, _AVG_POOL_1D),
    ops.avg_pool2d: partial(_average, ops.avg_pool2d, _AVG_POOL),
    ops.adaptive_avg_pool1d: partial(_average, ops.adaptive_avg_pool1d, ("output_size",)),
    ops.adaptive_avg_pool2d: partial(_average, ops.adaptive_avg_pool2d, ("output_size",)),
    ops.dropout: _same,
    operator.add: _add,
    operator.iadd: _add,
    torch.add: _add,
    torch.cat: _concat,
    torch.mean: _mean,
    torch.flatten: _reshape,
    torch.reshape: _reshape,
    torch.squeeze: _reshape,
    torch.unsqueeze: _reshape,
    getattr: _getattr,
    operator.getitem: _getitem,
}
_METHODS: dict[str, Callable[[_Builder, fx.Node], Any]] = {
    "relu": _rectifier,
    "add": _add,
    "add_": _add,
    "mean": _mean,
    "contiguous": _same,
    **dict.fromkeys(("flatten", "view", "reshape", "squeeze", "unsqueeze"), _reshape),
    "size": _size,
}
