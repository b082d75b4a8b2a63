import sys

from lkca_exp.cli.report import main

if __name__ == "__main__":
    sys.exit(main())
