"""`python -m lkca_exp.bench`: see lkca_exp/cli/bench.py."""

from lkca_exp.cli.bench import main

if __name__ == "__main__":
    main()
