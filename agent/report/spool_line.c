/* spool_line.c — the lines of a spool and their order.
 *
 * Every line carries the hash of the one before, so reading a segment needs neither JSON nor signatures: the fixed parts
 * of a line are found by their place, and a changed byte anywhere shows in the next line's hash. Only the very last line
 * has nobody to vouch for it; spool.c verifies that one's signature. Refuses whatever record_append() would not write.
 */
#include "agent/report/spool_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/jsonw.h"
#include "proto/strict.h"

#define TAIL_LEN (sizeof(",\"sig\":\"\"}") - 1 + 128)

/* A cursor over a line; ok turns false at the first thing that does not fit. */
struct cursor {
	const char *at, *end;
	bool ok;
};

static void expect(struct cursor *c, const char *text, size_t len)
{
	c->ok = c->ok && (size_t)(c->end - c->at) >= len && memcmp(c->at, text, len) == 0;
	if (c->ok)
		c->at += len;
}

static void expect_text(struct cursor *c, const char *text)
{
	expect(c, text, strlen(text));
}

/* LEN bytes, whatever they are. */
static const char *take(struct cursor *c, size_t len)
{
	const char *at = c->at;

	c->ok = c->ok && (size_t)(c->end - c->at) >= len;
	if (!c->ok)
		return "";
	c->at += len;
	return at;
}

static int64_t take_number(struct cursor *c)
{
	int64_t n = 0;
	const char *from = c->at;

	while (c->ok && c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - from < 16)
		n = n * 10 + (*c->at++ - '0');
	c->ok = c->ok && n >= 1 && n <= STRICT_INT_MAX && *from != '0';
	return n;
}

static enum record_kind take_kind(struct cursor *c)
{
	for (int k = 0; c->ok && k < RECORD_KINDS; k++) {
		const char *name = record_kind_name((enum record_kind)k);
		size_t len = strlen(name);
		if ((size_t)(c->end - c->at) > len && memcmp(c->at, name, len) == 0 && c->at[len] == '"') {
			c->at += len;
			return (enum record_kind)k;
		}
	}
	c->ok = false;
	return RECORD_KINDS;
}

/* `{"host":"H","epoch":"E"`, as the writer spells it. */
static void expect_owner(struct cursor *c, const char *host, uint64_t epoch)
{
	struct buf b = BUF_INIT(1024);
	struct jsonw w = JSONW_INIT(&b, 0);
	char hex[17];

	snprintf(hex, sizeof hex, "%016" PRIx64, epoch);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "host", host);
	jsonw_string(&w, "epoch", hex);
	c->ok = c->ok && !b.rc;
	expect(c, buf_text(&b), b.len);
	buf_free(&b);
}

bool line_read(const char *line, size_t len, const char *host, uint64_t epoch, struct line *ret)
{
	struct cursor c = { .at = line, .end = line + len, .ok = len > TAIL_LEN };
	struct line l = { 0 };

	if (c.ok)
		c.end -= TAIL_LEN;
	expect_owner(&c, host, epoch);
	expect_text(&c, ",\"seq\":");
	l.seq = take_number(&c);
	expect_text(&c, ",\"prev\":\"");
	const char *prev = take(&c, 2 * SHA256_LEN);
	expect_text(&c, "\",\"time\":\"");
	const char *time = take(&c, TIME_TEXT_ROOM - 1);
	expect_text(&c, "\",\"boot_id\":\"");
	const char *boot = take(&c, BOOT_ID_ROOM - 1);
	expect_text(&c, "\",\"kind\":\"");
	l.kind = take_kind(&c);
	expect_text(&c, "\",\"body\":");
	if (!c.ok || !hex_decode(prev, 2 * SHA256_LEN, l.prev, sizeof l.prev) ||
	        !time_parse(time, TIME_TEXT_ROOM - 1, &l.time) || memcmp(c.end, ",\"sig\":\"", 8) != 0)
		return false;
	l.body = c.at;
	l.body_len = (size_t)(c.end - c.at);
	if (l.body_len < 2 || l.body[0] != '{' || l.body[l.body_len - 1] != '}')
		return false;
	memcpy(l.boot_id, boot, BOOT_ID_ROOM - 1);
	*ret = l;
	return true;
}

static void break_off(struct scan *sc, const char *what, int64_t seq)
{
	sc->broken = true;
	snprintf(sc->why, sizeof sc->why, "%s (record %" PRId64 " is expected there)", what, seq);
}

/* Does L come next? NULL, or what is wrong. */
static const char *out_of_order(const struct scan *sc, const struct line *l, int64_t want)
{
	static const unsigned char zeros[SHA256_LEN];

	if (l->seq != want)
		return "a record with another number";
	if (want == 1 ? memcmp(l->prev, zeros, sizeof zeros) != 0
	              : sc->any && memcmp(l->prev, sc->chain.head, SHA256_LEN) != 0)
		return "a record that does not continue the one before";
	if ((l->kind == RECORD_EPOCH) != (want == 1))
		return "an epoch does not begin as it must";
	return NULL;
}

static void accept(struct scan *sc, const char *line, size_t len, const struct line *l, struct segment *seg)
{
	sc->any = true;
	sc->chain.seq = l->seq;
	sha256(line, len, sc->chain.head);
	seg->last = l->seq;
	seg->bytes += len + 1;
	if (l->time > seg->newest)
		seg->newest = l->time;
	seg->keep |= l->kind == RECORD_DRIFT || l->kind == RECORD_APPLY || l->kind == RECORD_REFUSAL ||
	             l->kind == RECORD_OVERRIDE;
}

void scan_segment(
        struct scan *sc, int64_t first, int64_t limit, const char *text, size_t len, struct segment *seg)
{
	size_t at = 0;
	int64_t want = first;

	*seg = (struct segment){ .first = first, .last = first - 1 };
	for (; at < len && want < limit; want++) {
		const char *line = text + at, *end = memchr(line, '\n', len - at);
		struct line l;
		if (!end)
			break;
		size_t n = (size_t)(end - line);
		const char *wrong = line_read(line, n, sc->chain.host, sc->chain.epoch, &l)
		                            ? out_of_order(sc, &l, want)
		                            : "bytes that are no record";
		if (wrong) {
			break_off(sc, wrong, want);
			return;
		}
		accept(sc, line, n, &l, seg);
		at += n + 1;
	}
	if (limit == INT64_MAX)
		sc->torn = (int64_t)(len - at);
	else if (want != limit)
		break_off(sc, "the segment ends too early", want);
}
