"""Prints a line once the site answers: announce.py PROCESS PORT LINE.

``PROCESS`` is the site's, which started this one: when it ends, this one ends too.
"""

import os
import sys
import time
from http.client import HTTPConnection, HTTPException

process, port, line = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
while os.getppid() == process:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/health")
        connection.getresponse()
    except (OSError, HTTPException):
        time.sleep(0.2)
    else:
        print(line, flush=True)
        break
