"""Stands in for mongod where there is none: it understands the flags that devdb gives, and answers as a member.

Three of these are no replica set: each has its own data, and the first always says that it is the primary. They show
that the members are started, initiated, killed and frozen as ordered, not that MongoDB replicates and elects.
"""

import argparse
import os
import sys

from secantus import commands
from secantus.server import SecantusDBServer

parser = argparse.ArgumentParser()
for flag in ("dbpath", "bind_ip", "replSet", "keyFile", "tlsMode", "tlsCertificateKeyFile", "tlsCAFile"):
    parser.add_argument("--" + flag)
parser.add_argument("--port", type=int)
parser.add_argument("--oplogSize", type=int)
parser.add_argument("--wiredTigerCacheSizeGB", type=float)
parser.add_argument("--setParameter", action="append")
parser.add_argument("--tlsAllowConnectionsWithoutCertificates", action="store_true")
args = parser.parse_args()
if args.keyFile and os.stat(args.keyFile).st_mode & 0o077:
    sys.exit("mongod: permissions on the key file are too open")

initiated = os.path.join(os.path.dirname(args.dbpath), "initiated")  # its members share it


def initiate(document, context):
    hosts = [member["host"] for member in document["replSetInitiate"]["members"]]
    assert document["replSetInitiate"]["_id"] == args.replSet and len(hosts) == 3
    with open(initiated, "w") as file:
        file.write(" ".join(hosts))
    return {"ok": 1.0}


def before_initiation(document, context):
    if not os.path.exists(initiated):
        return {"ok": 0.0, "errmsg": "no replset config has been received", "code": 94}
    return status(document, context)


def greet(document, context):
    answer = hello(document, context)
    if os.path.exists(initiated):
        with open(initiated) as file:
            hosts = file.read().split()
        first = hosts[0].endswith(f":{args.port}")
        answer.update(hosts=hosts, me=next(host for host in hosts if host.endswith(f":{args.port}")))
        answer.update(primary=hosts[0], isWritablePrimary=first, ismaster=first, secondary=not first)
    return answer


hello = commands._HANDLERS["hello"]
status = commands._HANDLERS["replSetGetStatus"]
commands._HANDLERS.update(replSetInitiate=initiate, replSetGetStatus=before_initiation, hello=greet, isMaster=greet, ismaster=greet)
server = SecantusDBServer(
    host=args.bind_ip,
    port=args.port,
    storage_path=os.path.join(args.dbpath, "db"),
    replica_set_name=args.replSet,
    require_auth=bool(args.keyFile),
    sync_on_commit=True,
    tls_cert_file=args.tlsCertificateKeyFile,
    tls_key_file=args.tlsCertificateKeyFile,
)
server.start()
server.wait()
