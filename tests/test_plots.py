import numpy as np
from PIL import Image

from parzc.evaluation.plots import scatter


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
