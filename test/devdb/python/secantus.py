"""Serves SecantusDB on a loopback port.

usage: python secantus.py DIRECTORY PORT [--auth] [--tls CERTIFICATE KEY]   PORT 0 lets the kernel choose.
Prints "ready PORT" when it answers. Ends when its standard input does: its owner has gone, however it went.
"""

import argparse
import logging
import os
import signal
import threading

from secantus.server import SecantusDBServer


def end_with_owner() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("port", type=int)
parser.add_argument("--auth", action="store_true")
parser.add_argument("--tls", nargs=2, default=(None, None))
args = parser.parse_args()

logging.basicConfig(level=logging.WARNING)
threading.Thread(target=end_with_owner, daemon=True).start()
server = SecantusDBServer(
    port=args.port,
    storage_path=args.directory,
    require_auth=args.auth,
    enable_test_commands=True,
    sync_on_commit=True,  # without it kill -9 loses the last acknowledged writes
    tls_cert_file=args.tls[0],
    tls_key_file=args.tls[1],
)
server.start()
print("ready", server.port, flush=True)
server.wait()
