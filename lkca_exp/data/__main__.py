"""`python -m lkca_exp.data`: see lkca_exp/cli/data.py."""

from lkca_exp.cli.data import main

if __name__ == "__main__":
    main()
