"""Probes: what is differentiated in a forward pass, and which probes share one.

A statistic names the probe whose tensors it reads. All probes of one forward pass run on the same graph.
"""

from dataclasses import dataclass

__all__ = [
    "PROBES",
    "Probe",
    "block_jacobian",
    "hessian_gradient",
    "input_jacobian",
    "label_logits",
    "loss_gradient",
    "perturbation",
    "sample_logits",
    "synflow",
    "synflow_bn",
    "two_batches",
]


@dataclass(frozen=True)
class Probe:
    """A way to run a network.

    Attributes:
        name: Its name.
        forward: The forward pass that it differentiates; probes that name the same one share it.
        finds: What it finds out.
        needs: Names of probes that have to run too.
    """

    name: str
    forward: str
    finds: str
    needs: tuple[str, ...] = ()


_BATCH = "batch, own weights"
loss_gradient = Probe("loss_gradient", _BATCH, "gradient of the loss over weights and activations")
input_jacobian = Probe("input_jacobian", _BATCH, "gradient of the sum of all logits over the inputs")
block_jacobian = Probe("block_jacobian", _BATCH, "random signs pulled back through each block alone")
label_logits = Probe(
    "label_logits", _BATCH, "gradient of the sum of the true labels' logits over activations"
)
sample_logits = Probe("sample_logits", _BATCH, "gradient of each sample's summed logits over the weights")
hessian_gradient = Probe(
    "hessian_gradient", _BATCH, "the loss's Hessian times its gradient, over weights", ("loss_gradient",)
)
perturbation = Probe("perturbation", _BATCH, "the last feature map of slightly changed inputs")
two_batches = Probe(
    "two_batches", "second batch, own weights", "gradients of the loss of two batches", ("loss_gradient",)
)
synflow = Probe("synflow", "ones, absolute weights, no batch norm", "gradient of the sum of the logits")
synflow_bn = Probe("synflow_bn", "ones, absolute weights", "gradient of the sum of the logits")

PROBES = (
    input_jacobian,
    block_jacobian,
    label_logits,
    sample_logits,
    loss_gradient,
    hessian_gradient,
    perturbation,
    two_batches,
    synflow,
    synflow_bn,
)
"""All probes in the order in which they run: the one that frees a graph comes after those that keep it."""
