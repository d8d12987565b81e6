"""The demo's job from end to end, at a small size."""

from pathlib import Path

import numpy as np
import pytest

from parzc.demo import TRAINING_FREE, demo


def test_table_and_plots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = demo(str(tmp_path), cells=24, vits=16, budget=12, few=6, seeds=(0, 1))
    assert list(frame.index) == ["learned", *TRAINING_FREE]
    assert np.isfinite(frame.to_numpy()).all()
    assert (frame.xs("mean", axis=1, level=1).abs() <= 1).all(axis=None)
    for name in ("digits_cell", "digits_vit"):
        assert (tmp_path / "seed0" / f"{name}.png").stat().st_size > 1000
    assert "digits_cell, 12 targets" in capsys.readouterr().out
