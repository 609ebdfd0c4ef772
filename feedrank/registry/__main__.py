"""`python -m feedrank.registry FOLDER`: loads the model in FOLDER and prints what it makes of its golden rows."""

import sys
from pathlib import Path

from feedrank.registry.golden import answer_here

if __name__ == "__main__":
    sys.stdout.write(answer_here(Path(sys.argv[1])) + "\n")
