"""Which cell of a notebook is running."""

import sys
from types import FrameType


def cell_of(caller: FrameType) -> str:
    """What tells the cell that ``caller`` is in from others: its id where the front end sends one
    (then it may be edited), else its text.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    message = shell.get_parent() if shell is not None and hasattr(shell, "get_parent") else {}
    cell_id = message.get("metadata", {}).get("cellId")
    return str(cell_id or caller.f_code.co_filename)
