"""`python -m lkca_exp.runs`: see lkca_exp/cli/runs.py."""

from lkca_exp.cli.runs import main

if __name__ == "__main__":
    main()
