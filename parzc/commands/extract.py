"""`parzc extract`: read the statistics of many networks into a feature store."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tqdm import tqdm

from parzc import plugins
from parzc.atomic import atomic_write
from parzc.commands.selection import choose_architectures, second_batch
from parzc.images import ImageData
from parzc.initialise import Initialised, Scheme
from parzc.probing.extract import DEFAULT_STATISTICS, BlockInputs, Compat, load_statistics, plan
from parzc.probing.parallel import Failure, extract_all
from parzc.probing.probes import Probe, two_batches
from parzc.probing.statistic import Statistic
from parzc.probing.store import FeatureStore
from parzc.probing.table import Architecture, Table
from parzc.provenance import write_provenance
from parzc.space import Space

__all__ = ["extract"]


def extract(
    *,
    space: str | Mapping[str, Any],
    out: str,
    data: str | Mapping[str, Any] = "digits",
    architectures: int | str = 1000,
    statistics: Sequence[str] = DEFAULT_STATISTICS,
    batch: int = 16,
    seed: int = 0,
    initialisation: Scheme | None = None,
    blocks: Sequence[str] | None = None,
    block_inputs: BlockInputs = None,
    compat: Compat = None,
    jobs: int = -1,
    explain: bool = False,
) -> FeatureStore | None:
    """Extract node statistics of many architectures.

    What is finished is on disk: run the same command again after a kill, or with more
    architectures, and it goes on. A store holds tables of one setting only.

    Args:
        space: The search space, or its name and options.
        out: The folder of the feature store.
        data: The images, or their name and options.
        architectures: A number (a random sample), `all`, or a file with one a line.
        statistics: Names of statistics.
        batch: Images in the mini-batch, which is the same for all architectures.
        seed: Seed of the sample, of the mini-batch and of the initial weights.
        initialisation: Draw all weights anew: `kaiming`, as AZ-NAS does, or `gaussian`, as Zen-NAS does.
            By default they are the space's own.
        blocks: Names of modules between whose outputs lie the blocks of block-wise statistics;
            `name:input` for an input. By default they are found.
        block_inputs: `noise` to read block-wise statistics on Gaussian noise, as AZ-NAS does.
        compat: `original` for the quirks of the public code that statistics are compared with.
        jobs: Processes; -1 for one a core.
        explain: Print which probes run and what each of them feeds, and do nothing else.

    Returns:
        The store, or nothing with `explain`.

    Raises:
        LookupError: If there is no such space, data source or statistic.
        ValueError: If the store was made with other settings.
        RuntimeError: If no network could be extracted.
    """
    settings = dict(locals())
    probes = plan(load_statistics(statistics))
    if explain:
        print(_explain(probes))
        if block_inputs == "noise":
            print("but statistics of blocks alone have a forward pass of their own: Gaussian noise")
        return None
    images: ImageData = plugins.build("datasets", data).load()
    built: Space = plugins.build("spaces", space, classes=images.classes, image_shape=images.shape)
    chosen = choose_architectures(built, architectures, seed)
    if initialisation is not None:
        built = Initialised(built, initialisation)
    mini_batch = images.batch(batch, seed)
    reading: dict[str, Any] = {"blocks": blocks, "block_inputs": block_inputs, "compat": compat}
    chosen_ways = _given(reading | {"initialisation": initialisation})
    store = FeatureStore.create(out, _identity(space, images, mini_batch, statistics, seed) | chosen_ways)
    with store.lock():
        done = set(store.architectures())
        remaining = [name for name in chosen if name not in done]
        second = second_batch(images, batch, seed) if two_batches in probes else None
        results = extract_all(
            built, remaining, mini_batch, statistics, seed=seed, jobs=jobs, second_batch=second, **reading
        )
        with tqdm(
            desc="extract", total=len(chosen), initial=len(chosen) - len(remaining), unit="network"
        ) as bar:
            failures = _fill(store, results, bar)
    write_provenance(out, settings)
    _report(store, chosen, failures)
    return store


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what nobody chose, so that a store made before an option existed is still the same."""
    return {name: value for name, value in options.items() if value is not None}


def _explain(probes: Mapping[Probe, Sequence[Statistic]]) -> str:
    lines = []
    for forward in dict.fromkeys(probe.forward for probe in probes):
        lines.append(f"forward pass: {forward}")
        for probe, readers in probes.items():
            if probe.forward == forward:
                lines.append(f"  {probe.name}: {probe.finds}")
                names = ", ".join(reader.name for reader in readers)
                lines.append(f"    feeds {names or 'a later probe'}")
    return "\n".join(lines)


def _identity(
    space: str | Mapping[str, Any],
    images: ImageData,
    batch: tuple[torch.Tensor, torch.Tensor],
    statistics: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    facts = {"classes": images.classes, "image_shape": list(images.shape)}
    given = {} if isinstance(space, str) else dict(space)
    spec = plugins.complete("spaces", space)
    spec |= {key: value for key, value in facts.items() if key not in given}
    digest = hashlib.sha256(b"".join(part.contiguous().numpy().tobytes() for part in batch))
    return {
        "space": spec,
        "statistics": list(statistics),
        "batch": {"size": len(batch[0]), "sha256": digest.hexdigest()},
        "seed": seed,
    }


def _fill(store: FeatureStore, results: Any, bar: "tqdm[Any]") -> dict[str, str]:
    failures: dict[str, str] = {}
    for group in results:
        store.add((name, table) for name, table in group if isinstance(table, Table))
        failures |= {name: failure.reason for name, failure in group if isinstance(failure, Failure)}
        bar.update(len(group))
    with atomic_write(store.path / "failures.json") as temporary:
        temporary.write_text(json.dumps(failures, indent=2) + "\n", encoding="utf-8")
    return failures


def _report(store: FeatureStore, chosen: Sequence[Architecture], failures: Mapping[str, str]) -> None:
    tables = store.tables()
    if not tables:
        name, reason = next(iter(failures.items()))
        raise RuntimeError(f"none of {len(chosen)} networks could be extracted; {name}: {reason}")
    nodes = sum(len(table.nodes) for table in tables.values())
    dead = sum(int((~table.alive).sum()) for table in tables.values())
    print(f"{store.path}: {len(tables)} architectures, {nodes} nodes, {dead} of them dead.")
    for line in _problems(tables, failures):
        print(line, file=sys.stderr)


def _problems(
    tables: Mapping[Architecture, Table], failures: Mapping[str, str], limit: int = 10
) -> list[str]:
    missing = [(name, *cell) for name, table in tables.items() for cell in table.missing]
    lines = []
    if failures:
        lines.append(f"{len(failures)} architectures failed (all in failures.json; run again to retry them):")
        lines += [f"  {name}: {reason}" for name, reason in list(failures.items())[:limit]]
    if unseen := [name for name, table in tables.items() if table.network.get("uncovered")]:
        lines.append(
            f"{len(unseen)} architectures have weights that no node covers (column network.uncovered),"
            f" such as {unseen[0]}."
        )
    if missing:
        lines.append(f"{len(missing)} values were not finite and are missing:")
        lines += [f"  {name} {node} {statistic}" for name, node, statistic in missing[:limit]]
    return lines
