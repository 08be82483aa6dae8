"""Times the Python library mongolock for the benchmark, which starts it.

It reads lines from its standard input and answers each with one line:

    run N    runs N cycles of acquire, refused acquire, renew, release:
             {"acquire":[ms...],"refused":[ms...],"renew":[ms...],"release":[ms...]}
    count    the commands that one cycle sends to the server: {"acquire":[1],...}

The connection string is in BENCH_URI. It ends with its standard input.
"""

import json
import os
import sys
import time
import warnings

from mongolock import MongoLock
from pymongo import MongoClient, monitoring

warnings.simplefilter("ignore")  # the library calls what pymongo 3 has deprecated

EXPIRE = 30


class Counter(monitoring.CommandListener):
    sent = 0

    def started(self, event):
        self.sent += 1

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


def connect(*listeners):
    client = MongoClient(
        os.environ["BENCH_URI"], w="majority", journal=True, retryWrites=False, event_listeners=listeners
    )
    return MongoLock(client=client, db="mongogate_bench", collection="python")


def cycle(locks, measure):
    def want(value, call):
        if call() is not value:
            sys.exit(f"python mongolock: want {value}")

    measure("acquire", lambda: want(True, lambda: locks.lock("key", "one", expire=EXPIRE)))
    measure("refused", lambda: want(False, lambda: locks.lock("key", "two", expire=EXPIRE)))
    measure("renew", lambda: locks.touch("key", "one", expire=EXPIRE))
    measure("release", lambda: locks.release("key", "one"))


counter = Counter()
timed, counted = connect(), connect(counter)
for line in sys.stdin:
    answer = {}

    def time_it(op, call):
        start = time.perf_counter_ns()
        call()
        answer.setdefault(op, []).append((time.perf_counter_ns() - start) / 1e6)

    def count_it(op, call):
        before = counter.sent
        call()
        answer[op] = [counter.sent - before]

    command = line.split()
    if command[0] == "run":
        for _ in range(int(command[1])):
            cycle(timed, time_it)
    else:
        cycle(counted, count_it)
    print(json.dumps(answer), flush=True)
