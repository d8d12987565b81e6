"""`find_measures`, call-compatible with the public zero-cost-nas code."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn import functional

from parzc import plugins
from parzc.aggregate import Aggregate
from parzc.probing.extract import Compat, extract, load_statistics, plan
from parzc.probing.passes import Batch
from parzc.probing.probes import two_batches
from parzc.training_free import CHEAPEST, Formula

__all__ = ["find_measures"]

_PUBLISHED = (
    "grad_norm",
    "snip",
    "grasp",
    "fisher",
    "jacob_cov",
    "plain",
    "synflow_bn",
    "synflow",
    "l2_norm",
)


def find_measures(
    net: nn.Module,
    dataloader: Iterable[tuple[Tensor, Tensor]],
    dataload_info: tuple[str, int, int],
    device: torch.device | str,
    loss_fn: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    measure_names: Sequence[str] | None = None,
    *,
    compat: Compat = None,
) -> dict[str, float]:
    """Compute training-free proxies of one network on one mini-batch.

    Args:
        net: From images to logits; left as it was.
        dataloader: Yields batches of images and labels. A measure that compares two mini-batches, such
            as `zico`, takes a second one from what is left, or else compares the halves of the first.
        dataload_info: How to take the mini-batch, one of `("random", batches, classes)`, which joins
            the first batches, and `("grasp", images, classes)`, which takes that many images of
            every class, ordered by class.
        device: Where to compute. A network on another device is copied there.
        loss_fn: From logits and labels to a scalar.
        measure_names: Names of training-free proxies, any in `parzc/proxies` that scores one network
            alone; by default the original's eight and `l2_norm`.
        compat: `original` reproduces what the public code does where parzc deviates.

    Returns:
        One score a name, in the order asked for: Python floats in the unit of the proxy; NaN where
        a node's value is not finite.

    Raises:
        UnknownPluginError: If a name is no training-free proxy; the message lists those there are.
        ValueError: If the loader holds too few images, `dataload_info` is neither of the two, or a
            name is an aggregate's.

    Source:
        Abdelfattah et al., ICLR 2021; call and values as in SamsungLabs/zero-cost-nas (a43bfbc).
        Deviations: one pass serves all measures; the batch is never split when memory is short (the
        original then changes the values); `measures_arr` is not taken; see each proxy for its own.
    """
    formulas = _load_formulas(_PUBLISHED if measure_names is None else measure_names)
    needed = dict.fromkeys(name for formula in formulas.values() for name in formula.statistics)
    statistics = tuple(needed) or CHEAPEST
    batches = iter(dataloader)
    images, labels = _take_batch(batches, dataload_info)
    batch, second = (images.to(device), labels.to(device)), None
    if two_batches in plan(load_statistics(statistics)):
        second = _take_second(batches, dataload_info, device)
    network = _on_device(net, batch[0].device)
    table = extract(network, batch, statistics, loss=loss_fn, second_batch=second, compat=compat)
    return {name: formula(table) for name, formula in formulas.items()}


def _load_formulas(names: Sequence[str]) -> dict[str, Formula]:
    loaded = {name: plugins.load("proxies", name) for name in names}
    aggregates = [name for name, found in loaded.items() if isinstance(found, Aggregate)]
    if aggregates:
        raise ValueError(
            f"{', '.join(aggregates)} ranks networks among each other and has no score for one alone; ask for"
            f" {', '.join(loaded[aggregates[0]].members)}, or use `parzc.proxy.open_proxy`."
        )
    return loaded


def _on_device(network: nn.Module, device: torch.device) -> nn.Module:
    tensors = (*network.parameters(), *network.buffers())
    if all(tensor.device == device for tensor in tensors):
        return network
    return copy.deepcopy(network).to(device)


def _take_second(
    rest: Iterator[Batch], dataload_info: tuple[str, int, int], device: torch.device | str
) -> Batch | None:
    try:
        images, labels = _take_batch(rest, dataload_info)
    except ValueError:  # the loader holds no more
        return None
    return images.to(device), labels.to(device)


def _take_batch(loader: Iterator[Batch], dataload_info: tuple[str, int, int]) -> Batch:
    mode, count, classes = dataload_info
    if mode not in {"random", "grasp"} or count < 1:
        raise ValueError(
            f"dataload_info should be ('random', batches, classes) or ('grasp', images, classes) with"
            f" at least one of them, got {tuple(dataload_info)!r}."
        )
    return _first_batches(loader, count) if mode == "random" else _per_class(loader, count, classes)


def _first_batches(loader: Iterator[Batch], count: int) -> Batch:
    batches = list(islice(loader, count))
    if len(batches) < count:
        raise ValueError(f"the data loader should hold {count} batches, got {len(batches)}.")
    images, labels = zip(*batches, strict=True)
    return torch.cat(images), torch.cat(labels)


def _per_class(loader: Iterator[Batch], count: int, classes: int) -> Batch:
    found: list[list[Tensor]] = [[] for _ in range(classes)]
    for images, labels in loader:
        for image, label in zip(images, labels.tolist(), strict=True):
            if not 0 <= label < classes:
                raise ValueError(f"labels should be below the {classes} of dataload_info, got {label}.")
            if len(found[label]) < count:
                found[label].append(image)
        if all(len(members) == count for members in found):
            labels = torch.arange(classes).repeat_interleave(count)
            return torch.stack([image for members in found for image in members]), labels
    short = {label: len(members) for label, members in enumerate(found) if len(members) < count}
    raise ValueError(f"the data loader should hold {count} images a class; too few of {short}.")
