"""`python -m lkca_exp`: compose a configuration, check it, hand it over.

A mistake is answered from here, before torch is imported: in a few words and with exit status 2. HYDRA_FULL_ERROR=1
shows the traceback too.
"""

from __future__ import annotations

import os
import signal
import sys

import hydra

from lkca_exp.config.errors import short_answers
from lkca_exp.config.job import conf_dir
from lkca_exp.config.refusals import explain, is_refusal
from lkca_exp.config.schema import register
from lkca_exp.task import run


def main() -> None:
    """The console script `lkca-exp`."""
    register()
    # Hydra tells errors in its own way and exits with 1, unless this is set: then it raises them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends it as Ctrl-C does
    with short_answers():
        try:
            hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(run)()
        except Exception as error:
            if not is_refusal(error):
                raise
            raise explain(error, sys.argv[1:]) from error


if __name__ == "__main__":
    main()
