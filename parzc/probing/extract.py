"""Read the statistics of every node of a network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parzc import plugins
from parzc.probing import draws
from parzc.probing.node import Node
from parzc.probing.passes import Batch, Loss, Task
from parzc.probing.probes import PROBES, Probe
from parzc.probing.recording import Recording
from parzc.probing.run import run_probes
from parzc.probing.statistic import Statistic
from parzc.probing.table import NodeInfo, Table, column_name

__all__ = ["DEFAULT_STATISTICS", "BlockInputs", "Compat", "extract", "load_statistics", "plan"]

Compat = Literal["original"] | None
BlockInputs = Literal["noise"] | None

NETWORK = "network"
"""Stands for a node's name where a value of the network as a whole is missing."""

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
    second_batch: Batch | None = None,
    blocks: Sequence[str] | None = None,
    block_inputs: BlockInputs = None,
    compat: Compat = None,
) -> Table:
    """Read statistics of every node of a network from one mini-batch.

    Each probe runs once and serves all statistics that read it, and probes of the same forward pass
    share it. The network is left as it was: weights, gradients, buffers, mode, hooks and the random
    state.

    Args:
        network: From inputs to logits, or to an object with a tensor `logits`; on the batch's device.
        batch: Inputs and class labels.
        statistics: Names of files in `parzc/statistics`, or dotted names of others.
        loss: From logits and labels to a scalar.
        second_batch: For statistics that compare two batches; without it they compare the batch's halves.
        blocks: The features between which blocks lie, in order of execution: `name` for the output of
            a module, `name:input` for its input. By default they are found, see
            `parzc.probing.blocks`.
        block_inputs: `noise` reads block-wise statistics from a forward pass of their own on Gaussian
            noise, as AZ-NAS does; by default they share that of the batch. Inputs that are token
            numbers have no noise.
        compat: `original` reproduces what the public code of a statistic does where parzc deviates.

    Returns:
        One row a node in order of execution, then the blocks. A value that is not finite is NaN and
        listed in `Table.missing`.

    Raises:
        LookupError: If there is no such statistic or block.
        ValueError: If the network has no node that parzc knows.
        RuntimeError: If the network fails while it runs.
    """
    loaded = load_statistics(statistics)
    names = {id(each): column_name(name) for each, name in zip(loaded, statistics, strict=True)}
    task = Task(network, batch, loss, second_batch, blocks, compat == "original")
    recordings = _run(task, loaded, apart=block_inputs == "noise" and batch[0].is_floating_point())
    first = recordings[0]
    if not any(of == "operation" for of, _ in first.nodes):
        raise ValueError(
            "the network should run at least one convolution, linear layer, pooling or identity"
            " module; none ran. Functional operations are not seen."
        )
    columns = [each for each in loaded if each.total is None]
    rows, nodes = _rows(recordings, columns)
    values, missing = _values(recordings, rows, {each.name: names[id(each)] for each in columns})
    totals, missing_totals = _totals(recordings, [each for each in loaded if each.total is not None])
    uncovered = _uncovered(network, first)
    facts = {
        "parameters": float(sum(parameter.numel() for parameter in network.parameters())),
        "uncovered": float(sum(network.get_parameter(name).numel() for name in uncovered)),
    }
    return Table(
        nodes=nodes,
        statistics=tuple(names[id(each)] for each in columns),
        values=values,
        network=facts | _loss(first) | totals | ({"original": 1.0} if task.original else {}),
        missing=(*missing, *missing_totals),
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
        The statistics by probe, the probes in the order in which they run; a probe that only helps
        another one has none.
    """
    wanted = {statistic.probe.name for statistic in statistics}
    for probe in PROBES:
        wanted.update(probe.needs if probe.name in wanted else ())
    return {
        probe: [statistic for statistic in statistics if statistic.probe == probe]
        for probe in PROBES
        if probe.name in wanted
    }


def _run(task: Task, statistics: Sequence[Statistic], *, apart: bool) -> list[Recording]:
    """Run all probes, those of block-wise statistics apart on noise if wanted."""
    of_blocks = [statistic for statistic in statistics if apart and statistic.of == ("block",)]
    others = [statistic for statistic in statistics if statistic not in of_blocks]
    noise = draws.standard_normal(task.batch[0].shape, task.batch[0]) if of_blocks else task.batch[0]
    on_noise = replace(task, batch=(noise, task.batch[1]), differentiates_loss=False)
    return [
        recording
        for each, wanted in ((task, others), (on_noise, of_blocks))
        if wanted
        for recording in run_probes(each, {probe.name: found for probe, found in plan(wanted).items()})
    ]


def _rows(
    recordings: Sequence[Recording], columns: Sequence[Statistic]
) -> tuple[list[Node], tuple[NodeInfo, ...]]:
    shown = {"operation", *(of for statistic in columns for of in statistic.of)} & {
        "operation",
        "activation",
        "block",
    }
    found: dict[tuple[str, str], tuple[Recording, Node]] = {}
    for recording in recordings:
        for key, node in recording.nodes.items():
            if key[0] in shown:
                found.setdefault(key, (recording, node))
    rows = sorted(found.values(), key=lambda pair: pair[1].kind == "block")
    infos = (NodeInfo(node.name, node.kind, _alive(r, node), **node.sizes) for r, node in rows)
    return [node for _, node in rows], tuple(infos)


def _values(
    recordings: Sequence[Recording], rows: Sequence[Node], names: Mapping[str, str]
) -> tuple[np.ndarray, tuple[tuple[str, str], ...]]:
    columns = {name: place for place, name in enumerate(names)}
    cells: list[tuple[int, int]] = []
    scalars: list[Tensor] = []
    for recording in recordings:
        for row, place in enumerate(rows):
            node = recording.nodes.get((place.of, place.name))
            for name, runs in () if node is None else node.values.items():
                if name in columns:
                    cells.append((row, columns[name]))
                    scalars.append(torch.stack(runs).mean() if len(runs) > 1 else runs[0])
    values = np.full((len(rows), len(names)), np.nan)
    if scalars:
        at = tuple(np.array(cells).T)
        values[at] = torch.stack([scalar.double() for scalar in scalars]).cpu().numpy()
    infinite = [cell for cell in cells if not np.isfinite(values[cell])]
    for cell in infinite:
        values[cell] = np.nan
    shown = list(names.values())
    return values, tuple((rows[row].name, shown[column]) for row, column in infinite)


def _totals(
    recordings: Sequence[Recording], statistics: Sequence[Statistic]
) -> tuple[dict[str, float], tuple[tuple[str, str], ...]]:
    totals: dict[str, float] = {}
    for statistic in statistics:
        nodes = (node for recording in recordings for node in recording.nodes.values())
        parts = [value for node in nodes for value in node.values.get(statistic.name, ())]
        total = statistic.total(parts) if parts and statistic.total else math.nan
        named = {f".{key}": total[key] for key in total} if isinstance(total, Mapping) else {"": total}
        for suffix, value in named.items():
            totals[statistic.name + suffix] = float(value) if math.isfinite(value) else math.nan
    return totals, tuple((NETWORK, name) for name, total in totals.items() if math.isnan(total))


def _alive(recording: Recording, node: Node) -> bool:
    return not recording.judged or any(bool(run) for run in node.alive)


def _uncovered(network: nn.Module, recording: Recording) -> tuple[str, ...]:
    return tuple(
        name
        for name, parameter in network.named_parameters()
        if parameter.dim() > 1 and name in recording.uncovered
    )


def _loss(recording: Recording) -> dict[str, float]:
    return {} if recording.scalar is None else {"loss": float(recording.scalar)}
