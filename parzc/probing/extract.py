"""Read the statistics of every node of a network."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parzc import plugins
from parzc.probing.probes import Batch, Loss, Probe, loss_gradient
from parzc.probing.record import Node, Recording
from parzc.probing.statistic import Statistic
from parzc.probing.table import NodeInfo, Table

__all__ = ["DEFAULT_STATISTICS", "extract", "load_statistics", "plan"]

DEFAULT_STATISTICS = (
    "grad_norm",
    "snip",
    "plain",
    "fisher",
    "l2_norm",
    "synflow",
    "activation_mean",
    "activation_variance",
    "activation_sparsity",
    "output_gradient_norm",
)


def extract(
    network: nn.Module,
    batch: Batch,
    statistics: Sequence[str] = DEFAULT_STATISTICS,
    *,
    loss: Loss = F.cross_entropy,
) -> Table:
    """Read statistics of every node of a network from one mini-batch.

    Each probe runs once and serves all statistics that read it. The network is left as it was:
    weights, gradients, buffers, mode, hooks and the random state.

    Args:
        network: From inputs to logits, on the batch's device.
        batch: Inputs and class labels.
        statistics: Names of files in `parzc/statistics`, or dotted names of others.
        loss: From logits and labels to a scalar.

    Returns:
        One row a node in order of execution. A value that is not finite is NaN and listed in
        `Table.missing`.

    Raises:
        LookupError: If there is no such statistic.
        ValueError: If the network has no node that parzc knows.
        RuntimeError: If the network fails while it runs.
    """
    probes = plan(load_statistics(statistics))
    recordings = [probe(network, batch, readers, loss) for probe, readers in probes.items()]
    if not recordings[0].nodes:
        raise ValueError(
            "the network should run at least one convolution, linear layer, pooling or identity"
            " module; none ran. Functional operations are not seen."
        )
    names = tuple(name.rpartition(".")[2].rpartition(":")[2] for name in statistics)
    values, missing = _values(recordings, names)
    uncovered = _uncovered(network, recordings[0])
    counts = {
        "parameters": float(sum(parameter.numel() for parameter in network.parameters())),
        "uncovered": float(sum(network.get_parameter(name).numel() for name in uncovered)),
    }
    return Table(
        nodes=_describe(recordings[0]),
        statistics=names,
        values=values,
        network=counts | _loss(recordings, probes),
        missing=missing,
        uncovered=uncovered,
    )


def load_statistics(names: Sequence[str]) -> list[Statistic]:
    """Load statistics by name.

    Args:
        names: Names of files in `parzc/statistics`, or dotted names of others.

    Returns:
        The statistics in the order of the names.

    Raises:
        LookupError: If there is no such statistic.
        ValueError: If there are none, or one twice.
    """
    if not names or len(set(names)) != len(names):
        raise ValueError(f"statistics should be one or more different names, got {list(names)}.")
    return [plugins.load("statistics", name) for name in names]


def plan(statistics: Sequence[Statistic]) -> dict[Probe, list[Statistic]]:
    """Say which probes run, and which statistics each of them feeds.

    Args:
        statistics: What is wanted.

    Returns:
        The statistics by probe, the probes in the order in which they are first needed.
    """
    probes: dict[Probe, list[Statistic]] = {}
    for statistic in statistics:
        probes.setdefault(statistic.probe, []).append(statistic)
    return probes


def _values(
    recordings: Sequence[Recording], names: Sequence[str]
) -> tuple[np.ndarray, tuple[tuple[str, str], ...]]:
    nodes = list(recordings[0].nodes)
    cells: list[tuple[int, int]] = []
    scalars: list[Tensor] = []
    for recording in recordings:
        for row, node in enumerate(nodes):
            for name, runs in recording.nodes[node].values.items():
                cells.append((row, names.index(name)))
                scalars.append(torch.stack(runs).mean() if len(runs) > 1 else runs[0])
    values = np.full((len(nodes), len(names)), np.nan)
    if scalars:
        rows, columns = np.array(cells).T
        values[rows, columns] = torch.stack([scalar.double() for scalar in scalars]).cpu().numpy()
    infinite = [(r, c) for r, c in cells if not np.isfinite(values[r, c])]
    for row, column in infinite:
        values[row, column] = np.nan
    return values, tuple((nodes[row], names[column]) for row, column in infinite)


def _describe(recording: Recording) -> tuple[NodeInfo, ...]:
    return tuple(
        NodeInfo(node.name, node.kind, _alive(node), **node.sizes) for node in recording.nodes.values()
    )


def _alive(node: Node) -> bool:
    return any(bool(run) for run in node.alive)


def _uncovered(network: nn.Module, recording: Recording) -> tuple[str, ...]:
    weights = (getattr(network.get_submodule(name), "weight", None) for name in recording.nodes)
    covered = {id(weight) for weight in weights}
    return tuple(name for name, p in network.named_parameters() if p.dim() > 1 and id(p) not in covered)


def _loss(recordings: Sequence[Recording], probes: dict[Probe, list[Statistic]]) -> dict[str, float]:
    for recording, probe in zip(recordings, probes, strict=True):
        if probe is loss_gradient and recording.scalar is not None:
            return {"loss": float(recording.scalar)}
    return {}
