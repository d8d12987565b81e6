"""`parzc importance`: what a learned proxy listens to."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from parzc.atomic import atomic_write
from parzc.attribution import Importance, positions_of, score_by, statistics_of
from parzc.attribution import importance as measure
from parzc.commands.adaptation import adapt
from parzc.commands.selection import held_out
from parzc.encoding import operations
from parzc.evaluation.deletion import deletion_curves
from parzc.evaluation.plots import importance_over_depth
from parzc.evaluation.summary import TableOf, as_text
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.provenance import write_provenance
from parzc.proxy import ParametricProxy, open_proxy
from parzc.targets import read_targets

__all__ = ["importance"]

_SHOWN = 10


def importance(
    *,
    proxy: str,
    features: str,
    out: str,
    targets: str | None = None,
    target: str | None = None,
    architectures: int = 200,
    samples: int = 4,
    include_training: bool = False,
    allow_plugins: bool = False,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Show which nodes and which statistics a learned proxy listens to, and whether it needs them.

    Architectures without a live node are left out: there is nothing in them to listen to.

    Args:
        proxy: A proxy file, or the name of a shipped one. If it was trained on other spaces, it takes its
            scale from all architectures of the store.
        features: The folder of a feature store, or the name of a shipped one.
        out: The folder to write: `positions.csv`, `statistics.csv`, `importance.png`, `run.json`, and with
            targets `deletion.csv`.
        targets: A CSV file of accuracies, to check that taking away what is important costs most.
        target: Its column.
        architectures: How many are explained at most, drawn at random.
        samples: With how many others each is compared, see `parzc.attribution.shapley_values`, and how many
            stand in for what the check takes away.
        include_training: Draw from the architectures that the proxy was trained on, too.
        allow_plugins: Import the plug-ins from outside parzc that the proxy file names.
        seed: Of all that is drawn.

    Returns:
        The content of the CSV files by name: `positions` and `statistics` as in
        `parzc.attribution.Importance`, and with targets `deletion`, which has a row for each of `parts`
        (positions, statistics), `order` (most, random, least) and number `removed`, with `kendall_tau` and
        its `sd` over random orders.

    Raises:
        FileNotFoundError: If there is no such proxy, store or file of targets.
        LookupError: If the store lacks a statistic, or there is no such column.
        ValueError: If it is no learned proxy, a file is damaged, or fewer than two architectures remain.
    """
    settings = dict(locals())
    opened = open_proxy(proxy, allow_plugins=allow_plugins)
    if not isinstance(opened, ParametricProxy):
        raise ValueError(f"importance is asked of a learned proxy, a file *.parzc, got {proxy}.")
    if (targets is None) != (target is None):
        raise ValueError("the check needs both targets=… and target=…; without it, leave out both.")
    store = FeatureStore.open(features)
    tables = store.tables()
    if space := store.settings.get("space", {}).get("name"):
        adapt(opened, list(tables.values()), space)
    tables = _live(tables)
    known = {} if targets is None or target is None else read_targets(targets, target, tables)
    names = list(known or tables)
    names = names if include_training else held_out(names, opened, store.settings)
    names = _draw(names, architectures, seed)
    chosen = [tables[name] for name in names]
    found = measure(opened, chosen, samples=samples, seed=seed)
    result = {"positions": found.positions, "statistics": found.statistics}
    if known:
        accuracies = np.array([known[name] for name in names])
        result["deletion"] = _check(opened, chosen, accuracies, found, samples=samples, seed=seed)
    for name, frame in result.items():
        with atomic_write(Path(out) / f"{name}.csv") as part:
            frame.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    title = f"{Path(proxy).name} on {len(names)} of {Path(features).name}"
    importance_over_depth(Path(out) / "importance.png", found, deletion=result.get("deletion"), title=title)
    write_provenance(out, settings)
    _print(result, len(names))
    return result


def _live(tables: dict[Architecture, Table]) -> dict[Architecture, Table]:
    live = {name: table for name, table in tables.items() if any(node.alive for node in operations(table))}
    if len(live) < len(tables):
        print(
            f"note: {len(tables) - len(live)} architectures have no live node and are left out.",
            file=sys.stderr,
        )
    return live


def _draw(names: Sequence[Architecture], count: int, seed: int) -> list[Architecture]:
    order = np.random.default_rng(seed).permutation(len(names))
    return [names[index] for index in order[:count]]


def _check(
    proxy: ParametricProxy,
    tables: Sequence[Table],
    accuracies: np.ndarray,
    found: Importance,
    *,
    samples: int,
    seed: int,
) -> pd.DataFrame:
    """Take away positions, but not that of the network as a whole, and statistics."""
    encoded = proxy.encoding(tables)
    nodes = [row for row, depth in enumerate(found.positions["depth"]) if not np.isnan(depth)]
    divisions = {
        "positions": (positions_of(proxy.encoding), found.positions, nodes),
        "statistics": (statistics_of(proxy.encoding), found.statistics, list(range(len(found.statistics)))),
    }
    curves = [
        deletion_curves(
            score_by(proxy),
            encoded,
            accuracies,
            parts,
            frame["importance"].to_numpy(),
            among=among,
            background=encoded[:samples],
            seed=seed,
        ).assign(parts=name)
        for name, (parts, frame, among) in divisions.items()
        if len(among)
    ]
    return pd.concat(curves)[["parts", "order", "removed", "kendall_tau", "sd"]]


def _print(result: dict[str, pd.DataFrame], count: int) -> None:
    for title, key in (("positions", "name"), ("statistics", "statistic")):
        largest = result[title].nlargest(_SHOWN, "importance")
        rows = [
            [str(row[key]), f"{as_text(row['importance'])} ± {as_text(row['sd'])}"]
            for _, row in largest.iterrows()
        ]
        heading = f"The {title} that the score listens to most"
        print(TableOf(heading, [key, "importance ± sd"], rows).as_text(), end="\n\n")
    for parts, curve in result["deletion"].groupby("parts", sort=False) if "deletion" in result else []:
        taus = curve.pivot(index="removed", columns="order", values="kendall_tau")
        orders = ["most", "random", "least"]
        rows = [
            [str(removed), *(as_text(line[order]) for order in orders)] for removed, line in taus.iterrows()
        ]
        print(
            TableOf(
                f"Kendall tau without {parts}, {count} architectures", ["removed", *orders], rows
            ).as_text(),
            end="\n\n",
        )
