"""What the data are and how they come in.

Linear algebra runs on one thread, from before NumPy is loaded, here and in every process started from here. OpenBLAS's threads wait for
each other without sleeping: two processes side by side on two cores were seen to wait for ever, and sums round otherwise with two.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
