import numpy as np
import pandas as pd
from PIL import Image

from parzc.attribution import Importance
from parzc.evaluation.plots import importance_over_depth, scatter


def test_scatter_writes_a_picture_with_ink(tmp_path):
    random = np.random.default_rng(0)
    targets = random.uniform(0.2, 0.9, 80)
    sd = random.uniform(0, 0.1, 80)
    scatter(tmp_path / "a.png", targets + random.normal(0, 0.1, 80), targets, sd=sd, title="mabn")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (900, 690)
        assert np.asarray(picture.convert("L")).std() > 5


def test_scores_over_many_decades_are_drawn_on_a_log_axis(tmp_path):
    targets = np.linspace(0.1, 0.9, 20)
    scatter(tmp_path / "linear.png", targets, targets)
    scatter(tmp_path / "log.png", 10 ** (60 * targets), targets)
    assert (tmp_path / "linear.png").read_bytes() != (tmp_path / "log.png").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["linear.png", "log.png"]


def _found(depth: float) -> Importance:
    positions = pd.DataFrame({"name": ["a", "b"], "depth": [depth, np.nan], "importance": [0.2, 0.1]})
    return Importance(positions, pd.DataFrame({"statistic": ["snip"], "importance": [0.3]}))


def _curves(*parts: str) -> pd.DataFrame:
    rows = [
        (part, order, count, 0.5, 0.1)
        for part in parts
        for order in ("most", "random", "least")
        for count in (0, 1)
    ]
    return pd.DataFrame(rows, columns=["parts", "order", "removed", "kendall_tau", "sd"])


def test_importance_without_depth_is_drawn_by_statistic_only(tmp_path):
    importance_over_depth(tmp_path / "wide.png", _found(0.5))
    importance_over_depth(tmp_path / "narrow.png", _found(np.nan))
    with Image.open(tmp_path / "wide.png") as wide, Image.open(tmp_path / "narrow.png") as narrow:
        assert wide.width == 2 * narrow.width


def test_the_check_is_drawn_below(tmp_path):
    importance_over_depth(tmp_path / "without.png", _found(np.nan))
    importance_over_depth(tmp_path / "with.png", _found(np.nan), deletion=_curves("statistics"))
    with Image.open(tmp_path / "without.png") as without, Image.open(tmp_path / "with.png") as checked:
        assert checked.height > 1.5 * without.height
