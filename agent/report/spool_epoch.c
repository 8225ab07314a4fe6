/* spool_epoch.c — carries records into a new epoch.
 *
 * A chain has no holes, so whatever takes records out of the middle (damage, a fork, a full disk) must begin a new one: an
 * epoch record that names what the server has, a gap record for each kind that lost something, then the rest, signed
 * again with their own times. The new segments are written and synced beside the old ones; replacing the state file is the
 * switch, and only then the old ones go. Any error before that leaves the old epoch as it was.
 */
#include "agent/report/spool_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/report/compose.h"

struct gap {
	int64_t from, to, count;
};

struct carry {
	const struct spool *from;
	struct spool to;
	uint64_t old;             /* the epoch that is read */
	const unsigned char *pub; /* salvage: lines must verify with it; NULL: the chain was checked */
	int64_t last;             /* highest number seen */
	unsigned char last_head[SHA256_LEN];
	int64_t bad;                       /* salvage: unreadable lines since then */
	uint64_t bytes[RECORD_KINDS];      /* of the records to carry */
	uint64_t need[RECORD_KINDS];       /* bytes that still have to go */
	int64_t drop_to[RECORD_KINDS];     /* records up to this number are dropped */
	struct gap gaps[RECORD_KINDS + 1]; /* the last one: of unknown kind */
	int64_t carried;
};

uint64_t epoch_draw(struct spool *s)
{
	unsigned char text[SPOOL_SEED_LEN + sizeof s->drawn + SHA256_LEN], digest[SHA256_LEN];
	uint64_t epoch = 0;

	do {
		s->drawn++;
		memcpy(text, s->seed, SPOOL_SEED_LEN);
		memcpy(text + SPOOL_SEED_LEN, &s->drawn, sizeof s->drawn);
		memcpy(text + SPOOL_SEED_LEN + sizeof s->drawn, s->chain.head, SHA256_LEN);
		sha256(text, sizeof text, digest);
		memcpy(&epoch, digest, sizeof epoch);
	} while (!epoch || epoch == s->chain.epoch);
	return epoch;
}

/* Append one record to the new epoch, not synced yet. */
static int put(struct spool *t, const struct line *l, struct fault *f)
{
	struct buf out = BUF_INIT(RECORD_MAX_BYTES + 1);
	struct chain next = t->chain;
	int rc = record_append(&next, l->kind, l->time, l->boot_id, l->body, l->body_len, t->key, &out, f);

	if (!rc) {
		struct line numbered = *l;
		numbered.seq = next.seq;
		rc = segment_write(t, buf_text(&out), out.len, &numbered, false, f);
	}
	if (!rc)
		t->chain = next;
	buf_free(&out);
	return rc;
}

static int put_own(
        struct spool *t, enum record_kind kind, int64_t time, const struct buf *body, struct fault *f)
{
	struct line l = { .kind = kind, .time = time, .body = buf_text(body), .body_len = body->len };

	memcpy(l.boot_id, t->boot_id, sizeof l.boot_id);
	return body->rc ? fault_set(f, body->rc, NULL, NULL, "%s", err_text(body->rc)) : put(t, &l, f);
}

static int put_epoch(struct spool *t, const struct known *after, int64_t now, struct fault *f)
{
	struct record_epoch e = {
		.has_after = after->seq > 0, .after_epoch = after->epoch, .after_seq = after->seq
	};
	struct buf body = BUF_INIT(4096);

	memcpy(e.key, t->pub, sizeof e.key);
	memcpy(e.after_head, after->head, sizeof e.after_head);
	record_epoch_write(&e, &body);
	int rc = put_own(t, RECORD_EPOCH, now, &body, f);
	buf_free(&body);
	return rc;
}

static int put_gaps(struct spool *t, const struct gap *gaps, int64_t now, struct fault *f)
{
	int rc = KE_OK;

	for (int k = 0; k <= RECORD_KINDS && !rc; k++) {
		struct buf body = BUF_INIT(4096);
		if (!gaps[k].count)
			continue;
		compose_gap(k < RECORD_KINDS ? record_kind_name((enum record_kind)k) : NULL, gaps[k].from,
		        gaps[k].to, gaps[k].count, &body);
		rc = put_own(t, RECORD_GAP, now, &body, f);
		buf_free(&body);
	}
	return rc;
}

static void gap_add(struct gap *g, int64_t from, int64_t to)
{
	if (!g->count)
		g->from = from;
	g->to = to;
	g->count += to - from + 1;
}

/* LINE as a record of the old epoch that was not seen yet: 1, 0 (skip it) or an error. */
static int take_line(struct carry *c, const char *line, size_t len, struct line *ret, struct fault *f)
{
	bool form = line_read(line, len, c->from->chain.host, c->old, ret);
	struct record r;

	if (!c->pub)
		return form ? 1 : fault_set(f, KE_IO, "spool", NULL, "a segment changed since it was read");
	if (form && ret->seq <= c->last)
		return 0; /* a copy */
	bool good = form && !record_parse(line, len, &r, NULL);
	if (form)
		record_clear(&r);
	good = good && !record_verify(line, len, c->pub, NULL);
	c->bad += !good && len > 0;
	return good;
}

static bool wanted(const struct carry *c, const struct line *l)
{
	return l->seq > c->from->acked && l->kind != RECORD_EPOCH && l->seq > c->drop_to[l->kind];
}

/* First look: how much there is, and (salvage) what is missing. */
static int visit_measure(void *ctx, const char *line, size_t len, struct fault *f)
{
	struct carry *c = ctx;
	struct line l;
	int rc = take_line(c, line, len, &l, f);

	if (rc <= 0)
		return rc;
	int64_t due = (c->last > c->from->acked ? c->last : c->from->acked) + 1;
	if (c->pub && l.seq > due)
		gap_add(&c->gaps[RECORD_KINDS], due, l.seq - 1);
	c->last = l.seq;
	c->bad = 0;
	if (c->pub)
		sha256(line, len, c->last_head);
	if (wanted(c, &l))
		c->bytes[l.kind] += len + 1;
	return KE_OK;
}

/* Second look, when room is needed: the oldest records of a kind go until `need` is met. */
static int visit_cut(void *ctx, const char *line, size_t len, struct fault *f)
{
	struct carry *c = ctx;
	struct line l;
	int rc = take_line(c, line, len, &l, f);

	if (rc <= 0 || !wanted(c, &l) || !c->need[l.kind])
		return rc < 0 ? rc : KE_OK;
	c->need[l.kind] -= len + 1 < c->need[l.kind] ? len + 1 : c->need[l.kind];
	c->drop_to[l.kind] = l.seq;
	struct gap *g = &c->gaps[l.kind];
	g->from = g->count ? g->from : l.seq;
	g->to = l.seq;
	g->count++;
	return KE_OK;
}

static int visit_carry(void *ctx, const char *line, size_t len, struct fault *f)
{
	struct carry *c = ctx;
	struct line l;
	int rc = take_line(c, line, len, &l, f);

	if (rc <= 0)
		return rc;
	c->last = l.seq;
	if (!wanted(c, &l))
		return KE_OK;
	c->carried++;
	return put(&c->to, &l, f);
}

static void carry_start(struct carry *c, struct spool *s, uint64_t next, const struct known *after)
{
	c->from = s;
	c->old = c->old ? c->old : s->chain.epoch;
	c->to = *s;
	c->to.fd = -1;
	c->to.segs = (struct segments){ 0 };
	c->to.bytes = 0;
	c->to.acked = 0;
	c->to.gain_known = false;
	c->to.known = *after;
	c->to.chain.epoch = next;
	c->to.chain.seq = 0;
	memset(c->to.chain.head, 0, sizeof c->to.chain.head);
}

/* Make the new epoch durable and the present one. */
static int carry_finish(struct carry *c, struct spool *s, struct fault *f)
{
	struct spool *t = &c->to;

	if (fdatasync(t->fd) || fsync(t->dir_fd))
		return fault_set(f, KE_IO, "spool", NULL, "cannot sync: %s", strerror(errno));
	int rc = state_save(t, f);
	if (rc) {
		/* Renamed, but not synced? Then the new epoch is what the next start will find. */
		struct state st;
		if (state_read(t->dir_fd, &st, NULL) || st.epoch != t->chain.epoch)
			return rc;
		t->dir_dirty = true;
	}
	for (int k = 0; k < RECORD_KINDS; k++)
		t->dropped[k] += c->gaps[k].count;
	if (s->fd >= 0)
		close(s->fd);
	free(s->segs.row);
	*s = *t;
	if (!s->dir_dirty) /* else a power cut may still bring the old state back */
		segments_sweep(s->dir_fd, s->chain.epoch, NULL);
	return KE_OK;
}

/* Forget the half-written epoch. */
static void carry_abandon(struct carry *c, struct spool *s)
{
	char name[SEGMENT_NAME_ROOM];

	if (c->to.fd >= 0)
		close(c->to.fd);
	for (size_t i = 0; i < c->to.segs.n; i++)
		unlinkat(s->dir_fd, segment_name(c->to.chain.epoch, c->to.segs.row[i].first, name), 0);
	free(c->to.segs.row);
	s->drawn = c->to.drawn;
	s->failures = c->to.failures;
}

/* The whole of it, when C says what goes. L: the old segments. */
static int carry_run(struct carry *c, struct spool *s, const struct segments *l, uint64_t next,
        const struct known *after, int64_t now, struct fault *f)
{
	int rc;

	carry_start(c, s, next, after);
	c->last = 0;
	if ((rc = put_epoch(&c->to, after, now, f)) || (rc = put_gaps(&c->to, c->gaps, now, f)) ||
	        (rc = segments_each(s->dir_fd, c->old, l, c->pub != NULL, visit_carry, c, f)) ||
	        (rc = carry_finish(c, s, f)))
		carry_abandon(c, s);
	return rc;
}

int epoch_first(struct spool *s, uint64_t next, const struct known *after, int64_t now, struct fault *f)
{
	static const struct segments none;
	struct carry c = { 0 };

	return carry_run(&c, s, &none, next, after, now, f);
}

int epoch_carry(struct spool *s, uint64_t next, const struct known *after, int64_t now, struct fault *f)
{
	struct carry c = { 0 };

	return carry_run(&c, s, &s->segs, next, after, now, f);
}

int epoch_salvage(struct spool *s, uint64_t old, const struct segments *l, const unsigned char *pub,
        const struct known *after, int64_t now, struct spool_found *found, struct fault *f)
{
	struct carry c = { .from = s, .old = old, .pub = pub };
	struct known end = *after;
	int rc = segments_each(s->dir_fd, old, l, true, visit_measure, &c, f);

	if (rc)
		return rc;
	int64_t last = c.last > s->acked ? c.last : s->acked;
	if (c.bad)
		gap_add(&c.gaps[RECORD_KINDS], last + 1, last + c.bad);
	if (!end.seq && c.last) {
		end = (struct known){ .epoch = old, .seq = c.last };
		memcpy(end.head, c.last_head, sizeof end.head);
	}
	if ((rc = carry_run(&c, s, l, epoch_draw(s), &end, now, f)))
		return rc;
	found->lost = c.gaps[RECORD_KINDS].count;
	found->carried = c.carried;
	return KE_OK;
}

/* Rewriting everything for one more measurement is not worth it. */
static bool gain_suffices(const struct spool *s, enum record_kind kind, uint64_t more)
{
	bool telemetry = kind == RECORD_SOCKETS || kind == RECORD_STATUS;

	return s->gain >= 2 * more && (!telemetry || s->gain >= s->max_bytes / 16);
}

/* Share out what has to go: sockets first, then status. */
static void compact_plan(struct carry *c, struct spool *s, uint64_t more)
{
	uint64_t sockets = c->bytes[RECORD_SOCKETS], status = c->bytes[RECORD_STATUS], total = 0;

	for (int k = 0; k < RECORD_KINDS; k++)
		total += c->bytes[k];
	s->gain = s->bytes - total + sockets + status;
	s->gain_known = true;
	uint64_t goal = s->max_bytes / 4 * 3;
	uint64_t need = total + more > goal ? total + more - goal : 0;
	c->need[RECORD_SOCKETS] = need < sockets ? need : sockets;
	need -= c->need[RECORD_SOCKETS];
	c->need[RECORD_STATUS] = need < status ? need : status;
}

int epoch_compact(struct spool *s, enum record_kind kind, uint64_t more, int64_t now, struct fault *f)
{
	struct carry c = { .from = s, .old = s->chain.epoch };
	int rc = KE_OK;

	/* A spool that stays full is not read again for every record that it refuses. */
	if (!s->gain_known || gain_suffices(s, kind, more)) {
		if ((rc = segments_each(s->dir_fd, c.old, &s->segs, false, visit_measure, &c, f)))
			return rc;
		compact_plan(&c, s, more);
	}
	if (!gain_suffices(s, kind, more))
		return fault_set(f, KE_TOOBIG, "spool",
		        "see why the server does not take this host's records",
		        "is full of records that must not be dropped");
	if ((rc = segments_each(s->dir_fd, c.old, &s->segs, false, visit_cut, &c, f)))
		return rc;
	return carry_run(&c, s, &s->segs, epoch_draw(s), &s->known, now, f);
}
