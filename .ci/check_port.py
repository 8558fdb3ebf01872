"""Ends with status 1 and a remedy if the site could not listen on PORT (5000)."""

import os
import socket
import sys

text = os.environ.get("PORT") or "5000"
if not (text.isdecimal() and 0 < int(text) < 65536):
    sys.exit(f"error: PORT: must be a number from 1 to 65535, not {text!r}")
port = int(text)
with socket.socket() as listener:
    # As the server does: connections of a site that ended a moment ago are no obstacle.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        other = port + 1 if port < 65535 else 5001
        sys.exit(
            f"error: the site cannot listen on port {port} ({error.strerror});"
            f" choose another one: PORT={other} make run"
        )
