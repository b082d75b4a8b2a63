"""`python -m lkca_exp`: see lkca_exp/cli/train.py."""

from lkca_exp.cli.train import main

if __name__ == "__main__":
    main()
