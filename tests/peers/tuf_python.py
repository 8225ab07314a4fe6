#!/usr/bin/env python3
"""tuf_python.py — what python-tuf makes of the cases that tuf_cases writes (see tests/peers/cases.c).

    PYTHONPATH=CHECKOUT python3 tuf_python.py < cases > verdicts
    PYTHONPATH=CHECKOUT python3 tuf_python.py REPOSITORY ROOT SECONDS TARGET...

The client is the published one, unchanged; it gets files instead of a network, and the time of the case."""
import datetime, hashlib, json, logging, os, shutil, sys, tempfile, types

try:
    import requests  # noqa: F401  (imported by python-tuf for its own fetcher, which is not used here)
except ImportError:
    sys.modules["requests"] = types.ModuleType("requests")
    sys.modules["requests"].Session = object
    sys.modules["requests.adapters"] = types.ModuleType("requests.adapters")
from tuf.api import exceptions
from tuf.ngclient import FetcherInterface, Updater

logging.disable(logging.CRITICAL)
BASE = "http://peer.invalid/"

class Server(FetcherInterface):
    def __init__(self):
        self.files = {b"m": {}, b"t": {}}

    def _fetch(self, url):
        where = url[len(BASE):len(BASE) + 1].encode()
        data = self.files[where].get(url[len(BASE) + 2:].encode(errors="surrogateescape"))
        if data is None:
            raise exceptions.DownloadHTTPError("no " + url, 404)
        return iter([data])

def plain(e):
    return "".join(" " if c in "\t\n|" else c for c in "%s: %s" % (type(e).__name__, e))[:240]

def stored(cache, role):
    try:
        return int(json.load(open("%s/%s.json" % (cache, role)))["signed"]["version"])
    except Exception:
        return 0

def run(server, cache, targets, now, finds):
    why = ""
    try:
        updater = Updater(cache, BASE + "m", targets, BASE + "t", fetcher=server)
        updater._trusted_set.reference_time = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
        updater.refresh()
    except Exception as e:
        why = plain(e)
    line = "%s %s %s" % ("no" if why else "ok", "/".join(str(stored(cache, r)) for r in ("root", "timestamp", "snapshot", "targets")), why)
    for find in [] if why else finds:
        try:
            info = updater.get_targetinfo(find)
            if info is None:
                raise LookupError("not found")
            found = hashlib.sha256(open(updater.download_target(info), "rb").read()).hexdigest()[:8]
        except Exception as e:
            found = "-" + plain(e)
        line += "|%s=%s" % (find, found)
    return line

def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)

def cases(work):
    cache, targets, out = work + "/cache", work + "/targets", []
    read = sys.stdin.buffer
    def take(n):
        data = read.read(n + 1)
        if len(data) != n + 1:
            sys.exit("the cases are cut off")
        return data[:-1]
    for line in read:
        word = line.split()
        if word[0] == b"case":
            if out:
                print("\t".join(out))
            out, finds, server = [word[1].decode(), word[2].decode()], [], Server()
            fresh(cache)
            fresh(targets)
        elif word[0] == b"now":
            now = int(word[1])
        elif word[0] == b"trust":
            open(cache + "/root.json", "wb").write(take(int(word[1])))
        elif word[0] == b"find":
            finds.append(take(int(word[1])).decode())
        elif word[0] == b"drop":
            server.files[word[1]].pop(take(int(word[2])), None)
        elif word[0] == b"put":
            both, n = take(int(word[2]) + int(word[3])), int(word[2])
            server.files[word[1]][both[:n]] = both[n:]
        elif word[0] == b"run":
            out.append(run(server, cache, targets, now, finds))
            finds = []
        else:
            sys.exit("no such line: %r" % line)
    if out:
        print("\t".join(out))

def repository(work, folder, root, seconds, *finds):
    server = Server()
    for where, below in ((b"m", "metadata"), (b"t", "targets")):
        for top, _, names in os.walk(os.path.join(folder, below)):
            for name in names:
                path = os.path.join(top, name)
                server.files[where][os.path.relpath(path, os.path.join(folder, below)).encode()] = open(path, "rb").read()
    fresh(work + "/cache")
    fresh(work + "/targets")
    shutil.copy(root, work + "/cache/root.json")
    print(run(server, work + "/cache", work + "/targets", int(seconds), finds))

# What a spoilt text makes known is written as it came.
sys.stdout.reconfigure(encoding="utf-8", errors="replace")
with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
    if len(sys.argv) > 1:
        repository(folder, *sys.argv[1:])
    else:
        cases(folder)
