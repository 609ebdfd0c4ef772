"""LightGBM without pandas and scikit-learn, which it imports wherever they are installed: two seconds of a start and
100 MB, for types that feedrank never gives it.

For processes that only score. Knows nothing of models.
"""

import sys

UNUSED = ("dask", "distributed", "graphviz", "matplotlib", "pandas", "pyarrow", "sklearn")


def import_lightgbm_alone() -> None:
    """Imports LightGBM as if the UNUSED libraries were absent; they themselves can still be imported afterwards."""
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: importing it raises ImportError
    try:
        import lightgbm  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]
