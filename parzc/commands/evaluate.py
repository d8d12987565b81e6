"""`parzc evaluate`: compare the scores of a proxy with accuracies."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from parzc.aggregate import AggregateProxy
from parzc.atomic import atomic_write
from parzc.evaluation.plots import scatter
from parzc.evaluation.report import evaluate as report
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture
from parzc.provenance import write_provenance
from parzc.proxy import Proxy, open_proxy
from parzc.targets import read_targets

__all__ = ["evaluate"]


def evaluate(
    *,
    proxy: str,
    features: str,
    targets: str,
    target: str,
    out: str | None = None,
    include_training: bool = False,
    allow_plugins: bool = False,
) -> dict[str, float | int]:
    """Compare the scores of a proxy with accuracies.

    Args:
        proxy: A proxy file, the name of a training-free proxy, or an aggregate of such, which ranks
            the architectures that are compared among each other: `az_nas`, `az_rank(synflow,snip)`.
        features: The folder of a feature store.
        targets: The CSV file of accuracies.
        target: Its column.
        out: The JSON file to write; a scatter plot goes beside it, with the same name and `.png`.
        include_training: Keep the architectures that the proxy, or a member of it, was trained on.
        allow_plugins: Import the plug-ins from outside parzc that the proxy file names.

    Returns:
        `kendall_tau`, `spearman_rho`, `ndcg` (higher is better), `regret_at_1`, `regret_at_5`,
        `regret_at_10` (fractions of accuracy, lower is better) and `n`.

    Raises:
        FileNotFoundError: If there is no such proxy, store or file of targets.
        LookupError: If the store lacks a statistic that the proxy reads, or there is no such column.
        ValueError: If a file is damaged, or no two different scored architectures with a target remain.
    """
    settings = dict(locals())
    if out is not None and Path(out).suffix == ".png":
        raise ValueError(f"out should be the JSON file, say result.json, got {out}; the plot goes beside it.")
    opened = open_proxy(proxy, allow_plugins=allow_plugins)
    store = FeatureStore.open(features)
    tables = store.tables()
    accuracies = read_targets(targets, target, tables)
    trained = set() if include_training else _trained(opened, store.settings.get("space", {}))
    names = _held_out(list(accuracies), trained)
    scores, sd = opened.predict([tables[name] for name in names])
    kept = ~np.isnan(scores)
    if not kept.all():
        print(f"note: {(~kept).sum()} architectures have no score and are left out.", file=sys.stderr)
    accuracy = np.array([accuracies[name] for name in names])[kept]
    scores, sd = scores[kept], sd[kept]
    result = report(scores, accuracy)
    if out is not None:
        title = f"{Path(proxy).name if Path(proxy).is_file() else proxy} on {Path(features).name}"
        scatter(Path(out).with_suffix(".png"), scores, accuracy, sd=sd, title=title, target=target)
        with atomic_write(out) as part:
            part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        write_provenance(out, settings)
    _print(result, out)
    return result


def _trained(proxy: Proxy, space: Mapping[str, Any]) -> set[str]:
    """Find what a proxy and its members were trained on in a space, before transfers too."""
    seen: set[str] = set()
    for leaf in proxy.leaves if isinstance(proxy, AggregateProxy) else [proxy]:
        metadata = leaf.metadata
        while metadata:
            if metadata.get("space", space).get("name") == space.get("name"):
                seen |= set(metadata.get("training", ()))
            metadata = metadata.get("source") or {}
    return seen


def _held_out(names: list[Architecture], trained: set[str]) -> list[Architecture]:
    kept = [name for name in names if name not in trained]
    if not kept:
        raise ValueError(
            f"all {len(names)} architectures with features and a target were used to train this proxy; give"
            " others, or include_training=true to see how well it fits them."
        )
    if len(kept) < len(names):
        print(
            f"note: {len(names) - len(kept)} of {len(names)} architectures were used in training and are left"
            " out; include_training=true keeps them.",
            file=sys.stderr,
        )
    return kept


def _print(result: dict[str, float | int], out: str | None) -> None:
    numbers = [f"{name} {value:.3f}" for name, value in result.items() if name != "n"]
    print("  ".join([*numbers, f"n {result['n']}"]))
    if out is None:
        print("out=result.json writes these numbers and a scatter plot.", file=sys.stderr)
    else:
        print(f"{out} and {Path(out).with_suffix('.png')} written.")
