"""What several statistics read of the samples of a node: kernels and products of channels."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.grad import conv1d_weight, conv2d_weight, conv3d_weight

from parzc.probing.node import Node

__all__ = [
    "channel_products",
    "condition_number",
    "gradient_kernel",
    "input_kernel",
    "log_determinant",
    "pattern_kernel",
    "sample_gradients",
]

_EXACT = 2**24
"""Up to here every integer is a float32."""

_AT_ONCE = 2**22
"""Elements of per-sample gradients that are there at a time."""

_WEIGHT_GRADIENTS: dict[int, Callable[..., Tensor]] = {3: conv1d_weight, 4: conv2d_weight, 5: conv3d_weight}
_Transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def channel_products(
    first: Float[Tensor, "*shape"], second: Float[Tensor, "*other"], channel_dim: int
) -> Float[Tensor, "channels others"]:
    """Sum the outer products of two tensors' channels over samples and positions.

    Args:
        first: Samples, channels and positions.
        second: The same samples and positions, perhaps other channels.
        channel_dim: The dimension of both that counts channels.

    Returns:
        One row a channel of `first`, one column a channel of `second`.
    """
    rows, columns = first.movedim(channel_dim, -1), second.movedim(channel_dim, -1)
    if rows.is_contiguous() and columns.is_contiguous():
        return rows.flatten(0, -2).mT @ columns.flatten(0, -2)
    # a product for each sample spares the copy that brings the channels to one side
    rows, columns = first.movedim(channel_dim, 1).flatten(2), second.movedim(channel_dim, 1).flatten(2)
    return torch.bmm(rows, columns.mT).sum(0)


def pattern_kernel(node: Node) -> Float[Tensor, "samples samples"]:
    """Count the elements of the node's input that are positive, or not, in both of two samples.

    Args:
        node: An activation.

    Returns:
        Whole numbers in float64, at most the elements of one sample.
    """
    return node.once("pattern_kernel", lambda: (_agreement(_inputs_by_sample(node)),))[0]


def input_kernel(node: Node) -> Float[Tensor, "samples samples"]:
    """Multiply each sample's input of a node with that of every other sample.

    Args:
        node: An activation.

    Returns:
        Inner products in float64, in the squared unit of the activation; with `compat=original`
        multiplied in float32.
    """
    rows = _inputs_by_sample(node)
    return _gram(rows.flatten(1).float() if node.original else rows.flatten(1))


def gradient_kernel(node: Node) -> Float[Tensor, "samples samples"]:
    """Multiply each sample's gradient of weight and bias with that of every other sample.

    Args:
        node: A convolution or linear layer in the backward pass of a scalar that is a sum over
            samples.

    Returns:
        Inner products in float64, in the squared unit of the gradient.
    """
    return node.once("gradient_kernel", lambda: (_gradient_kernel(node),))[0]


def sample_gradients(node: Node) -> Iterator[Float[Tensor, "some weights"]]:
    """Compute the weight's gradient of each sample, few samples at a time to save memory.

    Args:
        node: A convolution or linear layer in the backward pass of a scalar that is a sum over
            samples.

    Yields:
        One row a sample, in the unit of the gradient; nothing if samples cannot be told apart.
    """
    inputs, gradient = node.by_sample(node.input), node.by_sample(node.output_grad)
    if inputs is None or gradient is None:
        return
    at_once = max(1, _AT_ONCE // node.weight.numel())
    for part, of_part in zip(torch.split(inputs, at_once), torch.split(gradient, at_once), strict=True):
        samples = len(part)
        if node.kind == "linear":
            rows, columns = (each.reshape(samples, -1, each.shape[-1]) for each in (of_part, part))
            yield (rows.mT @ columns).flatten(1)
        else:
            folded = (
                each.reshape(-1, *of.shape[1:])
                for each, of in ((part, node.input), (of_part, node.output_grad))
            )
            yield _conv_gradients(node, *folded).view(samples, -1, node.weight.numel()).sum(1)


def log_determinant(kernels: Sequence[Float[Tensor, "samples samples"]]) -> Float[Tensor, ""]:
    """Take the logarithm of the determinant of a sum of kernels.

    Args:
        kernels: Positive semi-definite ones.

    Returns:
        The natural logarithm; minus infinity if the sum is singular.
    """
    sign, logarithm = torch.linalg.slogdet(torch.stack(list(kernels)).sum(0))
    return torch.where(sign > 0, logarithm, -torch.inf)


def condition_number(kernels: Sequence[Float[Tensor, "samples samples"]]) -> Float[Tensor, ""]:
    """Divide the largest eigenvalue of a sum of kernels by the smallest.

    Args:
        kernels: Positive semi-definite ones.

    Returns:
        At least 1; infinite if the smallest eigenvalue is no greater than the rounding error of the
        largest, so that only noise would be left, and NaN for kernels that are not finite.
    """
    kernel = torch.stack(list(kernels)).sum(0).double()
    if not kernel.isfinite().all():
        return kernel.new_tensor(torch.nan)
    eigenvalues = torch.linalg.eigvalsh(kernel)
    noise = torch.finfo(kernel.dtype).eps * len(kernel) * eigenvalues[-1]
    return torch.where(eigenvalues[0] > noise, eigenvalues[-1] / eigenvalues[0], torch.inf)


def _inputs_by_sample(node: Node) -> Tensor:
    rows = node.by_sample(node.input)
    # rows that cannot be told apart are the same for all samples
    return node.input[None].expand(node.samples or 1, *node.input.shape) if rows is None else rows


def _gradient_kernel(node: Node) -> Tensor:
    inputs, gradient = node.by_sample(node.input), node.by_sample(node.output_grad)
    if inputs is None or gradient is None:
        # what is computed once for all samples has no gradient of each
        samples = node.samples or 1
        return node.input.new_full((samples, samples), torch.nan, dtype=torch.float64)
    kernel = _linear_kernel(inputs, gradient) if node.kind == "linear" else _conv_kernel(node)
    if getattr(node.module, "bias", None) is not None:
        channels = node.channel_dim + gradient.dim() - node.output_grad.dim()
        shift = gradient.movedim(channels, 1)
        kernel = kernel + _gram(shift.flatten(2).sum(2) if shift.dim() > 2 else shift)
    return kernel


def _agreement(inputs: Tensor) -> Tensor:
    samples, last = len(inputs), inputs.movedim(1, -1)
    # the order of elements does not matter: take that of the memory
    rows = (last if last.is_contiguous() else inputs).flatten(1)
    differences = _differing_bits(rows) if rows.is_cpu else _differing_signs(rows)
    agreement = inputs.numel() // samples - differences
    return agreement + 0 * inputs.amax()  # NaN is not positive either, but no pattern


def _differing_bits(rows: Tensor) -> Tensor:
    """Count in how many signs two rows differ: faster on a CPU than a product of matrices."""
    numbers = rows if rows.dtype in (torch.float32, torch.float64) else rows.float()
    bits = np.packbits(numbers.numpy() > 0, axis=1)
    words = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)
    counts = [np.bitwise_count(words ^ row).sum(1, dtype=np.int64) for row in words]
    return torch.from_numpy(np.stack(counts)).double()


def _differing_signs(rows: Tensor) -> Tensor:
    """Count in how many signs two rows differ, on any device."""
    both = torch.zeros(len(rows), len(rows), dtype=torch.float64, device=rows.device)
    for part in torch.split(rows, _EXACT, 1):
        positive = (part > 0).float()
        both += positive @ positive.mT
    own = both.diagonal()
    return own[:, None] + own - 2 * both


def _gram(rows: Tensor) -> Tensor:
    return (rows @ rows.mT).double()


def _linear_kernel(inputs: Tensor, gradient: Tensor) -> Tensor:
    samples, width, height = len(inputs), inputs.shape[-1], gradient.shape[-1]
    inputs, gradient = inputs.reshape(samples, -1, width), gradient.reshape(samples, -1, height)
    tokens = inputs.shape[1]
    if samples * tokens**2 * (width + height) < (samples + tokens) * width * height:
        # few tokens: products of tokens, without the gradients themselves
        inputs, gradient = inputs.flatten(0, 1), gradient.flatten(0, 1)
        products = _gram(inputs) * _gram(gradient)
        return products.view(samples, tokens, samples, tokens).sum((1, 3))
    return _gram((gradient.mT @ inputs).flatten(1))


def _conv_kernel(node: Node) -> Tensor:
    kernel = _gram(_conv_gradients(node, node.input, node.output_grad))
    samples = node.samples or len(kernel)  # of which each may have several rows
    rows = len(kernel) // samples
    return kernel.view(samples, rows, samples, rows).sum((1, 3))


def _conv_gradients(node: Node, inputs: Tensor, gradient: Tensor) -> Tensor:
    module, rows, padding = node.module, len(inputs), getattr(node.module, "padding", 0)
    if isinstance(module, _Transposed):
        # a transposed convolution swaps the parts of input and output gradient
        inputs, gradient = gradient, inputs
    elif isinstance(padding, str) or getattr(module, "padding_mode", "zeros") != "zeros":
        inputs, padding = _padded(module, inputs), 0
    # rows side by side as groups give one weight gradient each
    gradients = _WEIGHT_GRADIENTS[inputs.dim()](
        inputs.flatten(0, 1)[None],
        (rows * len(node.weight), *node.weight.shape[1:]),
        gradient.flatten(0, 1)[None],
        stride=getattr(module, "stride", 1),
        padding=padding,
        dilation=getattr(module, "dilation", 1),
        groups=rows * getattr(module, "groups", 1),
    )
    return gradients.reshape(rows, -1)


def _padded(module: object, inputs: Tensor) -> Tensor:
    mode = getattr(module, "padding_mode", "zeros")
    amounts: list[int] = getattr(module, "_reversed_padding_repeated_twice", [])
    return nn.functional.pad(inputs, amounts, mode="constant" if mode == "zeros" else mode)
