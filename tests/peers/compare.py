#!/usr/bin/env python3
"""compare.py — kedge's verdicts against another client's, case by case.

    compare.py PEER KEDGE_VERDICTS PEER_VERDICTS [differences.md]

PEER is tuf-js or python-tuf. A difference is one of these kinds:

    accepts    kedge's refresh succeeds, the peer's fails
    refuses    the other way round
    finds      both refresh; kedge finds a target that the peer does not
    loses      the other way round, or another file
    keeps      both succeed; other versions are in the cache
    less       both fail; kedge has stored less by then, or removed what the peer kept
    more       both fail; kedge has stored more

and each must fall into one of the classes below, which name the edits that can cause it, and what both sides say. One that
does not ends with status 1. "accepts" and "finds" are where a hole would show: their classes ask for the peer's reason.
With differences.md, every class has to be explained there, and nothing there may be without a class."""
import collections, re, sys

JS, PY = "tuf-js", "python-tuf"
# name, peers, kinds, regex over what was done, over kedge's reason, over the peer's reason
BOTH, STRICTER = (JS, PY), ("refuses", "loses", "less")
CLASSES = [
    # ---- kedge is stricter: known by kedge's reason
    ("doubled-names", BOTH, STRICTER, "", "this member name stands twice", ""),
    ("numbers", BOTH, STRICTER, "", "only integers are allowed|-0 is not allowed|integer beyond 2", ""),
    ("text", BOTH, STRICTER, "", r"\\u0000 is not allowed|not valid UTF-8|lone surrogate", ""),
    ("depth", BOTH, STRICTER, "", "nested too deeply", ""),
    ("key-ids", BOTH, STRICTER, "", "the id is not the hash of the key", ""),
    ("one-key-two-ids", BOTH, STRICTER, "one-key-two-ids", "valid signatures by different keys", ""),
    ("signature-hex", BOTH, STRICTER, "sig-(tail|half-digit|blank)", "valid signatures by different keys", ""),
    ("signature-entries", BOTH, STRICTER, "sig-(number|no-sig|no-keyid|null)", r"schema at .*signatures\[\d\]", ""),
    ("expiry-form", (JS,), STRICTER, "expires-", "expires: must be a time like", ""),
    ("spec-version", BOTH, STRICTER, "spec-", "spec_version '.*' is not 1.x", ""),
    ("hashes", BOTH, STRICTER, "hash", "hashes: must not be empty|not a lower-case hexadecimal digest", ""),
    ("types", BOTH, STRICTER, "", "schema at .*must be (a string|an array|an object|true or false|an integer)", ""),
    ("ranges", (JS,), STRICTER, "version-|length-|threshold-", "range at .*is outside", ""),
    ("role-names", BOTH, STRICTER, "delegation-name|odd-name", "name: must not be empty|is listed twice|too long for a file name", ""),
    ("required-members", BOTH, STRICTER, "delegation", "exactly one of paths and path_hash|member '\\w+' is missing", ""),
    ("target-paths", BOTH, STRICTER, "target-", "is no target path|a target path has", ""),
    ("patterns", BOTH, ("loses", "finds"), "pattern-", "", ""),
    ("role-by-delegator", BOTH, ("loses",), "two-delegators", "signature at ", ""),
    ("names-of-objects", (JS,), ("loses",), "delegation-name-(constructor|proto)|odd-name|find-prototype|target-constructor", "", ""),
    # ---- the peer is stricter, and the specification is not: known by the edit and the peer's reason
    ("timestamp-meta", BOTH, ("accepts", "refuses", "less", "more"), "meta-more(-bad)?@timestamp", "^$|signature at timestamp|$", "signed by 0/1|^$|"),
    ("succinct-roles", BOTH, ("accepts", "more"), "delegations-succinct", "", "signed by|Deserialization|ValueError"),
    ("succinct-roles", (JS,), ("refuses", "less"), "delegations-succinct@targets-unsigned", "signature at", ""),
    ("root-roles", (PY,), ("accepts", "more"), "role-(mirrors|stranger)@root", "", "Deserialization"),
    ("utf-16-order", (JS,), ("accepts", "finds", "more"), "unknown-order", "", "signed by"),
    ("names-of-objects", (JS,), ("accepts", "finds", "more"), "sig-keyid-constructor|unknown-proto|odd-name|target-constructor", "", "multiple signatures found|signed by|not found|TypeError|toString|Expected"),
    ("target-urls", (JS,), ("finds",), "target-(blank|slashes|dot|up|ends-in-slash)", "", "DownloadHTTPError|URI"),
    ("same-version-other-bytes", BOTH, ("finds", "loses", "keeps", "refuses", "less", "more"), "snapshot-again|targets-again|version-equal", "", ""),
    ("consistent-snapshot-left-out", (JS,), ("accepts", "more"), "consistent-missing", "", "consistent_snapshot must be a boolean"),
    ("names-of-objects", (JS,), ("refuses", "loses", "less"), "unknown-proto.*-unsigned", "signature at", ""),
    # ---- both refuse, at another moment
    ("removed-on-rotation", BOTH, ("less",), "@root|rotate|fast-forward", r"^\d+/\d+/0/", ""),
    ("removed-on-rotation", BOTH, ("accepts", "more"), "(rotate-timestamp|fast-forward-\\w+-rotated)\\b.*(@snapshot|back)", "", "[Mm]issing|less than current|[Ee]xpected"),
    ("refused-earlier", BOTH, ("less",), "", r"^\S+ (schema|syntax|key|duplicate|range|name|too_big|mismatch) at", ""),
]

def runs(fields):
    for text in fields:
        head, *finds = text.split("|")
        m = re.match(r"(ok|no) (\S+) ?(.*)", head)
        yield m[1], m[2], m[3], collections.OrderedDict((f.rsplit("=", 1) if not re.search(r"=-", f) else re.split(r"=(?=-)", f, maxsplit=1)) for f in finds)

def differences(ours, theirs):
    for (ok, kept, why, finds), (pok, pkept, pwhy, pfinds) in zip(runs(ours), runs(theirs)):
        if ok != pok:
            yield ("accepts" if ok == "ok" else "refuses"), why, pwhy
            return      # the next run begins with another cache
        if kept != pkept:
            if ok == "ok":
                kind = "keeps"
            else:
                kind = "less" if all(int(x) <= int(y) for x, y in zip(kept.split("/"), pkept.split("/"))) else "more"
            yield kind, "%s %s" % (kept, why), "%s %s" % (pkept, pwhy)
        for path in finds:
            a, b = finds[path], pfinds.get(path, "-")
            if a.startswith("-") and b.startswith("-") or a == b:
                continue
            yield ("finds" if not a.startswith("-") else "loses"), path + " " + a, path + " " + b
        if kept != pkept:
            return

def check_document(name):
    known = {c[0] for c in CLASSES}
    told = set(re.findall(r"^\| `([a-z0-9-]+)` \|", open(name, encoding="utf-8").read(), re.M))
    if known != told:
        sys.exit("%s: not explained: %s; of no class: %s" % (name, sorted(known - told), sorted(told - known)))

def main():
    peer, ours_name, theirs_name = sys.argv[1:4]
    if len(sys.argv) > 4:
        check_document(sys.argv[4])
    ours = [l.rstrip("\n").split("\t") for l in open(ours_name, encoding="utf-8", errors="replace")]
    theirs = [l.rstrip("\n").split("\t") for l in open(theirs_name, encoding="utf-8", errors="replace")]
    if len(ours) != len(theirs):
        sys.exit("%d cases of ours, %d of %s" % (len(ours), len(theirs), peer))
    count, unexplained, same = collections.Counter(), [], 0
    for a, b in zip(ours, theirs):
        if a[:2] != b[:2]:
            sys.exit("case %s is not the same case: digest %s, %s" % (a[0], a[1], b[1]))
        found = list(differences(a[4:], b[2:]))
        same += not found
        for kind, why, pwhy in found:
            for name, peers, kinds, did, k, p in CLASSES:
                if peer in peers and kind in kinds and re.search(did, a[3]) and re.search(k, why) and re.search(p, pwhy):
                    count[name] += 1
                    break
            else:
                unexplained.append((a[0], kind, a[3], why, pwhy))
    print("%d cases, %d the same to kedge and %s, %d differences in %d classes" % (len(ours), same, peer, sum(count.values()), len(count)))
    for name, n in count.most_common():
        print("%7d  %s" % (n, name))
    for index, kind, did, why, pwhy in unexplained[:40]:
        print("UNEXPLAINED case %s %s: %s\n    kedge: %s\n    %s: %s" % (index, kind, did, why, peer, pwhy))
    if unexplained:
        sys.exit("%d differences are of no known class" % len(unexplained))

main()
