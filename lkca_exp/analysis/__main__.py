"""`python -m lkca_exp.analysis`: see lkca_exp/cli/analysis.py."""

from lkca_exp.cli.analysis import main

if __name__ == "__main__":
    main()
