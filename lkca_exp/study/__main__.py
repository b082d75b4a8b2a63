"""`python -m lkca_exp.study`: see lkca_exp/cli/study.py."""

from lkca_exp.cli.study import main

if __name__ == "__main__":
    main()
