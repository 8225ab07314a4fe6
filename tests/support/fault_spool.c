/* fault_spool.c — the spool as a bare program, for the fault tests to break.
 *
 *	fault_spool append DIR FIRST COUNT [MAX]   append COUNT drift records with the marks FIRST, FIRST+1, ...; "open" when
 *	                                           the spool is open, then "ok MARK" or "failed MARK CODE" for each; goes
 *	                                           on. With MAX bytes only every fourth is drift, the others are sockets
 *	fault_spool list DIR                       verify the whole chain, print "mark MARK" for each record that has one
 *
 * Every line is written at once, so that what was printed before a kill is known. Exit: 0 done, 4 failed, 1 usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/report/spool.h"
#include "proto/signkey.h"

#define BOOT "0f8e1c2d-0000-4000-8000-123456789abc"

static int failed(const struct fault *f)
{
	char line[1024];

	printf("failed open %s\n", err_name(f->code));
	fprintf(stderr, "%s\n", fault_line(f, line, sizeof line));
	return 4;
}

static int append(struct spool *s, int64_t first, int64_t count, bool mixed)
{
	char body[256];

	for (int64_t mark = first; mark < first + count; mark++) {
		struct fault f = { 0 };
		enum record_kind kind = mixed && mark % 4 ? RECORD_SOCKETS : RECORD_DRIFT;
		int n = snprintf(body, sizeof body, "{\"mark\":%lld,\"pad\":\"%0150d\"}", (long long)mark, 0);
		int rc = spool_append(s, kind, 1790000000 + mark, body, (size_t)n, NULL, &f);
		n = rc ? snprintf(body, sizeof body, "failed %lld %s\n", (long long)mark, err_name(rc))
		       : snprintf(body, sizeof body, "ok %lld\n", (long long)mark);
		if (write(STDOUT_FILENO, body, (size_t)n) != n)
			return 4;
	}
	return 0;
}

static int list_line(const char *line, size_t len, const unsigned char *pub, struct chain *c, struct fault *f)
{
	struct record r;
	long long mark;
	int rc = record_parse(line, len, &r, f);

	if (!rc && c->seq == 0)
		memcpy(c->head, r.prev, sizeof c->head);
	if (!rc && c->seq == 0)
		c->seq = r.seq - 1;
	if (!rc && !(rc = record_verify(line, len, pub, f)))
		rc = chain_continue(c, &r, f);
	const char *body = rc ? NULL : strstr(line, "\"body\":{\"mark\":");
	if (body && body < line + len && sscanf(body, "\"body\":{\"mark\":%lld", &mark) == 1)
		printf("mark %lld\n", mark);
	record_clear(&r);
	return rc;
}

static int list(struct spool *s, const unsigned char *pub, struct fault *f)
{
	struct buf out = BUF_INIT(128 << 20);
	struct spool_stats st;
	struct chain c = { .host = "web1" };
	int64_t first, last;

	spool_stats(s, &st);
	c.epoch = st.epoch;
	int rc = spool_read(s, st.first_seq, 64 << 20, &out, &first, &last, f);
	for (char *line = out.data, *end; !rc && line < out.data + out.len; line = end + 1) {
		end = strchr(line, '\n');
		rc = list_line(line, (size_t)(end - line), pub, &c, f);
	}
	buf_free(&out);
	return rc ? failed(f) : 0;
}

int main(int argc, char **argv)
{
	unsigned char secret[SIGNKEY_SEED_LEN] = { 7 }, pub[RECORD_KEY_LEN];
	struct spool_options o = {
		.host = "web1", .boot_id = BOOT, .time = 1790000000, .segment_bytes = 8192
	};
	struct spool_found found;
	struct signkey *key = NULL;
	struct spool *s;
	struct fault f = { 0 };
	int rc;

	bool appends = argc >= 5 && strcmp(argv[1], "append") == 0;
	if (!appends && (argc != 3 || strcmp(argv[1], "list") != 0))
		return 1;
	o.dir = argv[2];
	o.max_bytes = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
	if (getrandom(o.seed, sizeof o.seed, 0) != sizeof o.seed || signkey_from_seed(secret, &key, &f) ||
	        record_key(key, pub))
		return failed(&f);
	o.key = key;
	if (spool_open(&o, &s, &found, &f)) {
		signkey_free(key);
		return failed(&f);
	}
	if (found.damaged || found.lost)
		printf("damaged, %lld lost\n", (long long)found.lost);
	if (appends && write(STDOUT_FILENO, "open\n", 5) != 5)
		return 4;
	rc = appends ? append(s, strtoll(argv[3], NULL, 10), strtoll(argv[4], NULL, 10), argc > 5)
	             : list(s, pub, &f);
	spool_close(s);
	signkey_free(key);
	return rc;
}
