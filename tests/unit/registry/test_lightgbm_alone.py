"""LightGBM on its own: it works, and what was hidden from it is there for others."""

import subprocess
import sys

SCRIPT = """
import sys
from feedrank.registry.lightgbm_alone import UNUSED, import_lightgbm_alone
import_lightgbm_alone()
assert not [name for name in UNUSED if name in sys.modules], "imported, or left hidden"
import lightgbm, numpy, sklearn
rows = numpy.arange(200, dtype=numpy.float64)[:, None]
booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(rows, rows[:, 0] > 99), 5)
assert booster.predict(rows)[[0, 199]].tolist() == lightgbm.Booster(model_str=booster.model_to_string()).predict(
    rows
)[[0, 199]].tolist()
print(sklearn.__name__)
"""


def test_it_trains_and_loads_and_hides_nothing_from_others() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "sklearn"
