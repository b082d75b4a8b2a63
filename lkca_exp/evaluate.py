"""`python -m lkca_exp.evaluate`: see lkca_exp/cli/evaluate.py."""

from lkca_exp.cli.evaluate import main

if __name__ == "__main__":
    main()
