"""The WSGI entry point: ``application`` is what Elastic Beanstalk, gunicorn and ``flask`` serve."""

import os

# Requests are served by threads already. OpenBLAS's own threads wait for each other in busy loops,
# which on a busy machine costs a hundred times what they save on small products. Read by numpy.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from app import create_app

application = create_app()
