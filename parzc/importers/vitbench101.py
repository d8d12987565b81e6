"""ViT-Bench-101: trained vision transformers of the spaces AutoFormer and PiT."""

import json
from pathlib import Path

import pandas as pd

from parzc.targets import as_fractions, read_table

__all__ = ["import_vitbench101"]

_PREFIX, _SUFFIX = "arch_", "_acc"
_FIELDS = {
    "arch_hidden_dim": ("hidden_dim", "depth", "mlp_ratio", "num_heads"),
    "arch_base_dim": ("base_dim", "mlp_ratio", "depth", "num_heads"),
}


def import_vitbench101(file: Path) -> pd.DataFrame:
    """ViT-Bench-101 as a CSV file: the spaces `autoformer` and `pit`.

    One row a network. The columns `arch_…` are the fields of its configuration, lists in JSON;
    columns `…_acc` are accuracies in percent: CIFAR-100, Flowers and Chaoyang, each trained plainly
    (`base`) and with distillation (`kd`), and for AutoFormer ImageNet with weights inherited from
    a supernet. 100 networks a space, about 20 kB.

    Args:
        file: The file of one of the two spaces.

    Returns:
        The architectures as the space writes them, and accuracies as fractions: `c100_kd` for the
        column `c100_kd_acc`.

    Raises:
        ValueError: If the file has other columns or a field is no JSON.

    Source:
        The table that comes with Auto-Prox (Wei et al., AAAI 2024; public repository
        lliai/Auto-Prox-AAAI24, licence Apache-2.0 or MIT, it says both). How many runs a value is
        the mean of is not stated.
    """
    table = read_table(file)
    fields = next((fields for mark, fields in _FIELDS.items() if mark in table.columns), None)
    columns = [name for name in table.columns if name.endswith(_SUFFIX)]
    if fields is None or not columns or not {_PREFIX + field for field in fields} <= set(table.columns):
        raise ValueError(
            f"{file} should have columns of accuracies that end in _acc, and those of AutoFormer (arch_"
            f"{', arch_'.join(_FIELDS['arch_hidden_dim'])}) or of PiT (arch_"
            f"{', arch_'.join(_FIELDS['arch_base_dim'])}); it has {', '.join(table.columns)}."
        )
    rows = table[[_PREFIX + field for field in fields]].itertuples(index=False)
    names = [_architecture(dict(zip(fields, row, strict=True)), file) for row in rows]
    accuracies = {name.removesuffix(_SUFFIX): as_fractions(table[name], file) for name in columns}
    return pd.DataFrame({"architecture": names} | accuracies)


def _architecture(fields: dict[str, str], file: Path) -> str:
    try:
        values = {name: json.loads(text) for name, text in fields.items()}
    except ValueError as error:
        raise ValueError(f"the fields of {file} should be JSON, found {fields}: {error}.") from error
    return json.dumps(values, separators=(",", ":"))
