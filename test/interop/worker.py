"""A worker that uses the real mongolock library, told what to do.

Reads one JSON object a line from standard input and answers each with one line:
{"result": ...} or {"error": "the exception's class", "text": "..."}. The URI is
in the environment (PYTHON_WORKER_URI), so that it shows in no list of processes.
"""

import datetime as real
import json
import os
import sys
import time

import mongolock

skew = real.timedelta(0)


class Clock(real.datetime):
    """The library's clock, which can be set wrong."""

    @classmethod
    def utcnow(cls):
        return real.datetime.utcnow() + skew


mongolock.datetime = Clock
lock = mongolock.MongoLock(
    host=os.environ["PYTHON_WORKER_URI"],
    db=os.environ["PYTHON_WORKER_DB"],
    collection=os.environ["PYTHON_WORKER_COLLECTION"],
    acquire_retry_step=0.02,
)


def set_clock(seconds):
    global skew
    skew = real.timedelta(seconds=seconds)


def held(key, owner, expire):
    """The context manager: what it raises if the key is held."""
    with lock(key, owner, expire=expire):
        return True


def append(path, line):
    """One write in append mode: lines of several processes do not mix."""
    out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(out, line.encode())
    os.close(out)


def work(key, owner, rounds, witness, counter):
    """Takes the key again and again, and under it adds one to a number in a file."""
    for n in range(rounds):
        if not lock.lock(key, owner, timeout=120, expire=120):
            raise RuntimeError("not acquired in two minutes")
        append(witness, f"enter {owner} {n}\n")
        with open(counter) as f:
            value = int(f.read())
        time.sleep(0.005)
        with open(counter, "w") as f:
            f.write(str(value + 1))
        append(witness, f"leave {owner} {n}\n")
        lock.release(key, owner)
        time.sleep(0.005)
    return rounds


commands = {
    "lock": lock.lock,
    "release": lock.release,
    "touch": lock.touch,
    "is_locked": lock.is_locked,
    "info": lock.get_lock_info,
    "held": held,
    "set_clock": set_clock,
    "work": work,
}

for line in sys.stdin:
    request = json.loads(line)
    name = request.pop("do")
    try:
        answer = {"result": commands[name](**request)}
    except Exception as e:  # the caller judges it
        answer = {"error": type(e).__name__, "text": str(e)}
    print(json.dumps(answer, default=str), flush=True)
