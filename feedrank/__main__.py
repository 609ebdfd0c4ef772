"""`python -m feedrank`: the command line of `cli`."""

from feedrank.cli import app

if __name__ == "__main__":
    app(prog_name="feedrank")
