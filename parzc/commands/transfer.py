"""`parzc transfer`: carry a learned proxy to another space."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from parzc import plugins
from parzc.evaluation.correlation import kendall_tau
from parzc.learning.data import Split, Task, split_architectures
from parzc.learning.further import FURTHER, train_further
from parzc.learning.training import Recipe, Trained, predict_mean
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.provenance import provenance, write_provenance
from parzc.proxy import ParametricProxy, load_proxy
from parzc.targets import read_targets

__all__ = ["transfer"]

_INHERITED = ("space", "others", "target", "batch", "seed", "metrics", "training", "source")


def transfer(
    *,
    proxy: str,
    features: str,
    out: str,
    targets: str | None = None,
    target: str | None = None,
    budget: int = 0,
    seed: int = 0,
    loss: str | Mapping[str, Any] = "diffkendall",
    validation: float = FURTHER.validation,
    epochs: int = FURTHER.epochs,
    patience: int = FURTHER.patience,
    batch: int | None = FURTHER.batch,
    learning_rate: float = FURTHER.learning_rate,
    weight_decay: float = FURTHER.weight_decay,
    anchor: float = FURTHER.anchor,
    kl_weight: float = FURTHER.kl_weight,
    allow_plugins: bool = False,
) -> dict[str, float | int]:
    """Adapt a proxy to another space, with few targets or none.

    The scale of the features is set anew from all tables of the store, which takes no target. With a
    budget the predictor is then trained further, or, if it is a Gaussian process, conditioned by the
    targets in closed form: loss, epochs and the like then play no part.

    Args:
        proxy: A proxy file, or the name of a shipped one.
        features: The folder of a feature store of the new space, or the name of a shipped one.
        out: The proxy file to write.
        targets: The CSV file of accuracies; needed with a budget, else only reported against.
        target: Its column.
        budget: How many architectures' targets training sees, the validation part included.
        seed: Of the choice of architectures and the order of batches.
        loss: What is minimised, beside `anchor` and `kl_weight`.
        validation: Part of the budget that early stopping looks at.
        epochs: Passes over the training targets at most.
        patience: Epochs without a lower validation loss after which training stops.
        batch: Architectures in a step; `None` for an eighth of those fitted, from 8 to 128.
        learning_rate: At the start; falls to zero along half a cosine.
        weight_decay: Of the weights that have no prior.
        anchor: Weight of the squared distance from the standardised ranks.
        kl_weight: Weight of the divergence from the prior.
        allow_plugins: Import the plug-ins from outside parzc that the proxy file names.

    Returns:
        `kendall_tau` with the targets outside the budget, and their number `n`; empty without targets.

    Raises:
        FileNotFoundError: If there is no such proxy, store or file of targets.
        LookupError: If there is no such column, or a table lacks a statistic that the proxy reads.
        ValueError: If a file is damaged, the budget does not fit the targets or lacks them.
    """
    settings = dict(locals())
    if (targets is None) != (target is None) or (budget and targets is None):
        raise ValueError(
            "a budget needs targets, and targets need the name of a column; give targets=… target=…."
        )
    source = load_proxy(proxy, allow_plugins=allow_plugins)
    store = FeatureStore.open(features)
    tables = store.tables()
    accuracies = {} if targets is None or target is None else read_targets(targets, target, tables)
    split = Split([], [], sorted(accuracies))
    if budget:
        split = split_architectures(list(accuracies), budget, validation, seed)
    source.encoding.adapt(list(tables.values()))
    trained = Trained(source.encoding, source.predictor)
    if budget:
        names = Recipe.__dataclass_fields__
        recipe = replace(FURTHER, **{name: settings[name] for name in names if name in settings})
        task = Task(tables, accuracies, split)
        trained = train_further(trained, task, loss=plugins.build("losses", loss), recipe=recipe, seed=seed)
    measured = _measure(trained, tables, accuracies, split.held_out)
    metadata = {
        **store.settings,
        "target": target,
        "training": sorted(split.budget),
        "training_seed": seed,
        "metrics": measured,
        "versions": provenance(settings)["versions"],
        "source": {key: source.metadata.get(key) for key in _INHERITED},
    }
    ParametricProxy(trained.encoding, trained.predictor, metadata).save(out)
    write_provenance(out, settings)
    print(f"{out}: {', '.join(f'{key} {value:.4g}' for key, value in measured.items()) or 'adapted'}")
    return measured


def _measure(
    trained: Trained,
    tables: Mapping[Architecture, Table],
    accuracies: Mapping[Architecture, float],
    held_out: Sequence[Architecture],
) -> dict[str, float | int]:
    known = np.array([accuracies[name] for name in held_out])
    if len(set(known.tolist())) < 2:
        return {}
    scores = predict_mean(trained, [tables[name] for name in held_out])
    return {"kendall_tau": kendall_tau(scores, known), "n": len(known)}
