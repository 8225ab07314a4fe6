/* record_feed.c — a host's signed records from text, for tests that need a fleet that has something to tell:
 *
 *   record_feed HOST EPOCH TIME      EPOCH as 16 hex digits, TIME in seconds of the first record
 *
 * reads lines "KIND BODY" on standard input and writes the chain as NDJSON: an epoch record, then one record a line, one
 * second apart. A body that is no JSON ends it with status 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fileio.h"
#include "proto/record.h"
#include "proto/signkey.h"

#define BOOT "0f8e1c2d-0000-4000-8000-123456789abc"

static int kind_of(const char *name, size_t len, enum record_kind *ret)
{
	for (int i = 0; i < RECORD_KINDS; i++)
		if (strlen(record_kind_name((enum record_kind)i)) == len &&
		        memcmp(record_kind_name((enum record_kind)i), name, len) == 0) {
			*ret = (enum record_kind)i;
			return 0;
		}
	return KE_UNKNOWN;
}

static int feed(
        struct chain *chain, int64_t time, const struct signkey *key, struct buf *out, struct fault *f)
{
	char line[65536];
	int rc = 0;

	while (!rc && fgets(line, sizeof line, stdin)) {
		enum record_kind kind;
		size_t len = strcspn(line, " ");
		line[strcspn(line, "\n")] = '\0';
		rc = kind_of(line, len, &kind) ? fault_set(f, KE_UNKNOWN, line, NULL, "no such kind")
		                               : record_append(chain, kind, ++time, BOOT, line + len + 1,
		                                         strlen(line + len + 1), key, out, f);
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct record_epoch e = { 0 };
	struct buf body = BUF_INIT(4096), out = BUF_INIT(16u << 20);
	struct chain chain = { 0 };
	struct signkey *key = NULL;
	struct fault f = { 0 };

	if (argc != 4)
		return 1;
	int64_t time = strtoll(argv[3], NULL, 10);
	snprintf(chain.host, sizeof chain.host, "%s", argv[1]);
	chain.epoch = strtoull(argv[2], NULL, 16);
	int rc = signkey_generate(SIGNKEY_ED25519, &key, &f);
	if (!rc)
		rc = record_key(key, e.key);
	if (!rc) {
		record_epoch_write(&e, &body);
		rc = record_append(
		        &chain, RECORD_EPOCH, time, BOOT, buf_text(&body), body.len, key, &out, &f);
	}
	if (!rc)
		rc = feed(&chain, time, key, &out, &f);
	if (!rc)
		rc = out.rc ? out.rc : file_write_all(1, out.data, out.len);
	if (rc)
		fprintf(stderr, "record_feed: %s: %s\n", f.where, f.what);
	signkey_free(key);
	buf_free(&body);
	buf_free(&out);
	return rc ? 1 : 0;
}
