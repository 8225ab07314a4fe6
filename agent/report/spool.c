/* spool.c — the records of this host on disk: opened and repaired, appended to, read, acknowledged.
 *
 * Opening follows the chain through every segment; only where it breaks, or where the last line's signature is not by the
 * key that the state file names, are lines verified one by one and carried into a new epoch. Refuses to be opened
 * twice. Called by the keeper.
 */
#include "agent/report/spool_in.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/fileio.h"
#include "proto/signkey.h"

#define EPOCHS_MAX    64
#define LINE_OVERHEAD 640 /* bytes of a line besides its body, at most */

static int spool_new(const struct spool_options *opt, struct spool **ret, struct fault *f)
{
	size_t host_len = strlen(opt->host);
	struct spool *s;

	if (host_len < 1 || host_len >= sizeof s->chain.host || strlen(opt->boot_id) != BOOT_ID_ROOM - 1)
		return fault_set(f, KE_NAME, "spool", NULL, "host id or boot id has the wrong length");
	if (!(s = calloc(1, sizeof *s)))
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	s->dir_fd = s->lock_fd = s->fd = -1;
	s->key = opt->key;
	s->max_bytes = opt->max_bytes ? opt->max_bytes : SPOOL_MAX_BYTES;
	s->segment_bytes = opt->segment_bytes ? opt->segment_bytes : SPOOL_SEGMENT_BYTES;
	s->keep_seconds = opt->keep_seconds ? opt->keep_seconds : SPOOL_KEEP_SECONDS;
	if (s->segment_bytes > SEGMENT_FILE_MAX / 2)
		s->segment_bytes = SEGMENT_FILE_MAX / 2;
	if (s->max_bytes / 4 < s->segment_bytes)
		s->max_bytes = 4ULL * s->segment_bytes;
	memcpy(s->chain.host, opt->host, host_len);
	memcpy(s->boot_id, opt->boot_id, BOOT_ID_ROOM);
	memcpy(s->seed, opt->seed, SPOOL_SEED_LEN);
	int rc = record_key(opt->key, s->pub);
	if (rc) {
		free(s);
		return fault_set(f, KE_KEY, "spool", NULL, "records are signed with ed25519 keys only");
	}
	*ret = s;
	return KE_OK;
}

static int spool_lock(struct spool *s, const char *dir, struct fault *f)
{
	char path[4096];
	int rc = dir_make(dir, 0700, f);

	if (rc)
		return rc;
	if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path)
		return fault_set(f, KE_TOOBIG, "spool", NULL, "the directory's path is too long");
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return fault_set(f, err_from_errno(errno), dir, NULL, "cannot open: %s", strerror(errno));
	return lock_take(path, &s->lock_fd, f);
}

/* Follow the chain of ST's epoch through L into s->segs. 0: SC says what was found. */
static int follow(
        struct spool *s, const struct state *st, const struct segments *l, struct scan *sc, struct fault *f)
{
	int rc = KE_OK;

	*sc = (struct scan){ .chain = s->chain };
	sc->chain.epoch = st->epoch;
	for (size_t i = 0; i < l->n && !rc && !sc->broken; i++) {
		int64_t limit = i + 1 < l->n ? l->row[i + 1].first : INT64_MAX;
		struct segment seg;
		char *text;
		size_t len;
		if ((rc = segment_load(s->dir_fd, st->epoch, l->row[i].first, &text, &len, f)))
			break;
		scan_segment(sc, l->row[i].first, limit, text, len, &seg);
		file_free(text);
		s->bytes += seg.bytes;
		rc = segments_push(&s->segs, &seg);
	}
	if (!sc->any && !sc->broken) {
		sc->broken = true;
		snprintf(sc->why, sizeof sc->why, "the epoch has no records");
	}
	return rc;
}

/* The last line has no successor that names its hash. */
static int verify_last(struct spool *s, const struct state *st, struct scan *sc, struct fault *f)
{
	size_t i = s->segs.n;
	char *text;
	size_t len;

	while (i && s->segs.row[i - 1].last < s->segs.row[i - 1].first)
		i--;
	if (!i)
		return KE_OK;
	const struct segment *seg = &s->segs.row[i - 1];
	int rc = segment_load(s->dir_fd, st->epoch, seg->first, &text, &len, f);
	if (rc)
		return rc;
	struct record r = { 0 };
	size_t end = (size_t)seg->bytes - 1;
	const char *nl = memrchr(text, '\n', end), *line = nl ? nl + 1 : text;
	size_t n = (size_t)(text + end - line);
	if (record_parse(line, n, &r, NULL) || record_verify(line, n, st->pub, NULL)) {
		sc->broken = true;
		snprintf(sc->why, sizeof sc->why, "the last record's signature does not verify");
	}
	record_clear(&r);
	file_free(text);
	return KE_OK;
}

/* Where do the segments and the state contradict each other? */
static void compare_state(const struct spool *s, const struct state *st, struct scan *sc)
{
	if (sc->broken)
		return;
	if (sc->chain.seq < st->acked || s->segs.row[0].first > st->acked + 1) {
		sc->broken = true;
		snprintf(sc->why, sizeof sc->why,
		        "records %" PRId64 " to %" PRId64 " are there, but %" PRId64 " was acknowledged",
		        s->segs.row[0].first, sc->chain.seq, st->acked);
	}
}

/* Go on in the last segment: without its torn tail, and with its last line durable. */
static int resume(struct spool *s, const struct scan *sc, struct fault *f)
{
	struct segment *seg = &s->segs.row[s->segs.n - 1];
	char name[SEGMENT_NAME_ROOM];

	segment_name(s->chain.epoch, seg->first, name);
	if (seg->last < seg->first) {
		if (unlinkat(s->dir_fd, name, 0))
			return fault_set(f, KE_IO, name, NULL, "cannot remove: %s", strerror(errno));
		s->segs.n--;
		return KE_OK;
	}
	s->fd = openat(s->dir_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd < 0 || (sc->torn && ftruncate(s->fd, (off_t)seg->bytes)) || fdatasync(s->fd))
		return fault_set(f, KE_IO, name, NULL, "cannot continue: %s", strerror(errno));
	return KE_OK;
}

/* Without a state file: the epoch with the most bytes, nothing acknowledged, signed with our key. */
static int guess_state(struct spool *s, struct state *ret, struct fault *f)
{
	struct epoch_size row[EPOCHS_MAX];
	size_t n, best = 0;
	int rc = epochs_list(s->dir_fd, row, EPOCHS_MAX, &n, f);

	*ret = (struct state){ 0 };
	for (size_t i = 1; !rc && i < n; i++)
		if (row[i].bytes > row[best].bytes)
			best = i;
	if (!rc && n)
		ret->epoch = row[best].epoch;
	memcpy(ret->pub, s->pub, sizeof ret->pub);
	return rc;
}

static void forget_scan(struct spool *s)
{
	free(s->segs.row);
	s->segs = (struct segments){ 0 };
	s->bytes = 0;
}

/* The epoch of ST cannot go on: carry what is good. */
static int repair(struct spool *s, const struct spool_options *opt, const struct state *st,
        const struct segments *l, const struct scan *sc, struct spool_found *found, struct fault *f)
{
	forget_scan(s);
	s->chain.epoch = st->epoch;
	memcpy(s->chain.head, sc->chain.head, SHA256_LEN);
	int rc = epoch_salvage(s, st->epoch, l, st->pub, &st->known, opt->time, found, f);
	if (rc)
		return rc;
	found->new_epoch = true;
	found->damaged = sc->broken;
	if (sc->broken)
		fault_set(f, KE_CHAIN, opt->dir, NULL,
		        "%s; %" PRId64 " records were carried into a new epoch, %" PRId64 " are lost",
		        sc->why, found->carried, found->lost);
	return KE_OK;
}

/* Begin, continue or repair, as ST and the segments L tell. */
static int settle(struct spool *s, const struct spool_options *opt, const struct state *st,
        const struct segments *l, struct spool_found *found, struct fault *f)
{
	struct scan sc;
	int rc;

	if (!st->epoch) {
		found->new_epoch = true;
		return epoch_first(s, epoch_draw(s), &st->known, opt->time, f);
	}
	s->acked = st->acked;
	s->known = st->known;
	if ((rc = follow(s, st, l, &sc, f)) || (!sc.broken && (rc = verify_last(s, st, &sc, f))))
		return rc;
	compare_state(s, st, &sc);
	if (sc.broken || memcmp(st->pub, s->pub, sizeof s->pub) != 0)
		return repair(s, opt, st, l, &sc, found, f);
	s->chain = sc.chain;
	found->torn = sc.torn;
	return resume(s, &sc, f);
}

static int recover(
        struct spool *s, const struct spool_options *opt, struct spool_found *found, struct fault *f)
{
	struct segments l = { 0 };
	struct state st;
	int rc = state_read(s->dir_fd, &st, f);
	bool guessed = rc == KE_NOENT || rc == KE_SYNTAX || rc == KE_SCHEMA || rc == KE_RANGE ||
	               rc == KE_DUPLICATE || rc == KE_TOOBIG;

	if (guessed)
		rc = guess_state(s, &st, f);
	if (!rc && st.epoch)
		rc = segments_list(s->dir_fd, st.epoch, &l, f);
	if (!rc)
		rc = settle(s, opt, &st, &l, found, f);
	if (!rc && guessed && !found->new_epoch)
		rc = state_save(s, f);
	free(l.row);
	return rc || s->dir_dirty ? rc : segments_sweep(s->dir_fd, s->chain.epoch, f);
}

int spool_open(
        const struct spool_options *opt, struct spool **ret, struct spool_found *ret_found, struct fault *f)
{
	struct spool_found found = { 0 };
	struct spool *s = NULL;
	int rc = spool_new(opt, &s, f);

	if (rc)
		return rc;
	if ((rc = spool_lock(s, opt->dir, f)) || (rc = recover(s, opt, &found, f))) {
		spool_close(s);
		return rc;
	}
	*ret = s;
	*ret_found = found;
	return KE_OK;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s->segs.row);
	free(s);
}

/* Room for MORE bytes: what the server has goes first. */
static int make_room(struct spool *s, enum record_kind kind, uint64_t more, int64_t now, struct fault *f)
{
	int rc = KE_OK;

	while (!rc && s->bytes + more > s->max_bytes && s->segs.n > 1 && s->segs.row[0].last <= s->acked)
		rc = segment_drop_first(s, f);
	if (!rc && s->bytes + more > s->max_bytes)
		rc = epoch_compact(s, kind, more, now, f);
	return rc;
}

int spool_append(struct spool *s, enum record_kind kind, int64_t time, const char *body, size_t body_len,
        int64_t *ret_seq, struct fault *f)
{
	struct buf out = BUF_INIT(RECORD_MAX_BYTES + 1);
	struct line l = { .kind = kind, .time = time };
	struct chain next;
	int rc = body_len > RECORD_MAX_BYTES ? fault_set(f, KE_TOOBIG, "spool", NULL,
	                                               "the record exceeds %d bytes", RECORD_MAX_BYTES)
	                                     : make_room(s, kind, body_len + LINE_OVERHEAD, time, f);

	next = s->chain;
	if (!rc)
		rc = record_append(&next, kind, time, s->boot_id, body, body_len, s->key, &out, f);
	l.seq = next.seq;
	if (!rc)
		rc = segment_write(s, buf_text(&out), out.len, &l, true, f);
	if (!rc) {
		s->chain = next;
		s->gain_known = false;
		if (ret_seq)
			*ret_seq = next.seq;
	}
	buf_free(&out);
	return rc;
}

/* The index of the segment that holds record SEQ, which is on disk. */
static size_t segment_of(const struct spool *s, int64_t seq)
{
	size_t i = 0;

	while (i + 1 < s->segs.n && s->segs.row[i].last < seq)
		i++;
	return i;
}

struct pour {
	struct buf *out;
	int64_t at, last; /* number of the line before the next one; of the last one taken */
	int64_t from;
	size_t start, max;
};

/* Take whole lines of TEXT. false: OUT has enough. */
static bool pour_segment(struct pour *p, const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - (text + at)) + 1 : len - at;
		size_t have = p->out->len - p->start;
		if (++p->at >= p->from) {
			if (have && have + n > p->max)
				return false;
			buf_bytes(p->out, text + at, n);
			p->last = p->at;
		}
		at += n;
	}
	return p->out->len - p->start < p->max;
}

int spool_read(struct spool *s, int64_t from, size_t max_bytes, struct buf *out, int64_t *ret_first,
        int64_t *ret_last, struct fault *f)
{
	struct pour p = {
		.out = out, .from = from ? from : s->acked + 1, .start = out->len, .max = max_bytes
	};
	int rc = KE_OK;

	if (p.from == s->chain.seq + 1)
		return KE_NOENT;
	if (p.from < s->segs.row[0].first || p.from > s->chain.seq)
		return fault_set(f, KE_RANGE, "spool", NULL, "record %" PRId64 " is not in it", p.from);
	for (size_t i = segment_of(s, p.from); i < s->segs.n && !rc; i++) {
		const struct segment *seg = &s->segs.row[i];
		char *text;
		size_t len;
		if ((rc = segment_load(s->dir_fd, s->chain.epoch, seg->first, &text, &len, f)))
			break;
		p.at = seg->first - 1;
		bool more = pour_segment(&p, text, len < seg->bytes ? len : (size_t)seg->bytes);
		file_free(text);
		rc = out->rc;
		if (!more)
			break;
	}
	if (!rc && p.last < p.from)
		rc = fault_set(f, KE_IO, "spool", NULL, "record %" PRId64 " has vanished", p.from);
	if (rc) {
		out->len = p.start;
		return rc;
	}
	*ret_first = p.from;
	*ret_last = p.last;
	return KE_OK;
}

/* The hash of record SEQ. */
static int head_of(struct spool *s, int64_t seq, unsigned char head[SHA256_LEN], struct fault *f)
{
	struct buf line = BUF_INIT(RECORD_MAX_BYTES + 1);
	int64_t first, last;

	if (seq == s->chain.seq) {
		memcpy(head, s->chain.head, SHA256_LEN);
		return KE_OK;
	}
	int rc = spool_read(s, seq, 1, &line, &first, &last, f);
	if (!rc)
		sha256(line.data, line.len - 1, head);
	buf_free(&line);
	return rc;
}

/* The server's place is record SEQ (0: nothing) of our epoch: durable, or as before. */
static int move_acked(struct spool *s, int64_t seq, const unsigned char head[SHA256_LEN], struct fault *f)
{
	int64_t acked = s->acked;
	struct known known = s->known;

	s->acked = seq;
	s->gain_known = false;
	s->known = (struct known){ .epoch = s->chain.epoch, .seq = seq };
	if (head)
		memcpy(s->known.head, head, SHA256_LEN);
	int rc = state_save(s, f);
	if (rc) {
		s->acked = acked;
		s->known = known;
	}
	return rc;
}

int spool_ack(struct spool *s, uint64_t epoch, int64_t seq, int64_t now, struct fault *f)
{
	unsigned char head[SHA256_LEN];
	int rc;

	if (epoch != s->chain.epoch || seq <= s->acked)
		return KE_OK;
	if (seq > s->chain.seq)
		return fault_set(f, KE_RANGE, "spool", NULL, "record %" PRId64 " was never written", seq);
	if ((rc = head_of(s, seq, head, f)) || (rc = move_acked(s, seq, head, f)))
		return rc;
	while (s->segs.n > 1 && s->segs.row[0].last <= s->acked &&
	        (!s->segs.row[0].keep || s->segs.row[0].newest < now - s->keep_seconds))
		if (segment_drop_first(s, NULL))
			break; /* the acknowledgement stands; it is tried again with the next one */
	return KE_OK;
}

int spool_fork(struct spool *s, uint64_t epoch, int64_t seq, const unsigned char head[SHA256_LEN],
        uint64_t next, int64_t now, enum spool_forked *ret, struct fault *f)
{
	struct known after = { .epoch = epoch, .seq = epoch ? seq : 0 };
	unsigned char ours[SHA256_LEN];
	int rc;

	memcpy(after.head, head, SHA256_LEN);
	if (!after.seq && s->segs.row[0].first == 1) {
		if (!(rc = move_acked(s, 0, NULL, f)))
			*ret = SPOOL_REWOUND;
		return rc;
	}
	if (after.seq && epoch == s->chain.epoch && seq >= s->segs.row[0].first && seq <= s->chain.seq) {
		if ((rc = head_of(s, seq, ours, f)))
			return rc;
		if (memcmp(ours, head, SHA256_LEN) == 0) {
			if (!(rc = move_acked(s, seq, head, f)))
				*ret = SPOOL_REWOUND;
			return rc;
		}
	}
	if (!next || next == s->chain.epoch)
		return fault_set(f, KE_RANGE, "spool", NULL, "the new epoch's number must be a new one");
	if (!(rc = epoch_carry(s, next, &after, now, f)))
		*ret = SPOOL_NEW_EPOCH;
	return rc;
}

void spool_stats(const struct spool *s, struct spool_stats *ret)
{
	*ret = (struct spool_stats){ .epoch = s->chain.epoch,
		.first_seq = s->segs.row[0].first,
		.last_seq = s->chain.seq,
		.acked_seq = s->acked,
		.bytes = s->bytes,
		.segments = (unsigned)s->segs.n,
		.failures = s->failures };
	memcpy(ret->head, s->chain.head, SHA256_LEN);
	memcpy(ret->dropped, s->dropped, sizeof ret->dropped);
}
