/* The spool: what was appended is there after a reopen; torn, changed, doubled and missing bytes cost only themselves; it
 * stays bounded and drops the right things; forks carry on. fdatasync() is this program's own here, to let it fail. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/report/spool.h"
#include "proto/fileio.h"
#include "proto/signkey.h"

#define BOOT  "0f8e1c2d-0000-4000-8000-123456789abc"
#define BOOT2 "0f8e1c2d-1111-4000-8000-123456789abc"
#define NOW   1790000000

/* In memory where there is such a place: the tests sync some thousand times. */
static char base[] = "/dev/shm/kedge-spool-XXXXXX";
static char dir[64];
static struct signkey *key, *other_key;
static unsigned char pub[RECORD_KEY_LEN], other_pub[RECORD_KEY_LEN];
static unsigned runs;
static int sync_fails; /* the next so many */

int fdatasync(int fd)
{
	if (sync_fails > 0) {
		sync_fails--;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static bool make_base(void)
{
	if (mkdtemp(base))
		return true;
	snprintf(base, sizeof base, "/tmp/kedge-spool-XXXXXX");
	return mkdtemp(base) != NULL;
}

static int group_setup(void **state)
{
	(void)state;
	unsigned char seed[SIGNKEY_SEED_LEN] = { 7 };
	int rc = signkey_from_seed(seed, &key, NULL) || record_key(key, pub);
	seed[0] = 8;
	return rc || signkey_from_seed(seed, &other_key, NULL) || record_key(other_key, other_pub) ||
	       !make_base();
}

static void empty_dir(const char *path)
{
	DIR *d = opendir(path);
	char file[512];
	if (!d)
		return;
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		unlink(file);
	}
	closedir(d);
	rmdir(path);
}

static int group_teardown(void **state)
{
	(void)state;
	signkey_free(key);
	signkey_free(other_key);
	return rmdir(base);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "%s/spool", base);
	sync_fails = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	empty_dir(dir);
	return 0;
}

static struct spool_options options(void)
{
	struct spool_options o = {
		.dir = dir, .host = "web1", .boot_id = BOOT, .key = key, .time = NOW, .segment_bytes = 8192
	};
	o.seed[0] = (unsigned char)++runs;
	o.seed[1] = (unsigned char)(runs >> 8);
	return o;
}

static struct spool *open_with(const struct spool_options *o, struct spool_found *found)
{
	struct spool *s = NULL;
	struct spool_found mine;
	struct fault f = { 0 };
	int rc = spool_open(o, &s, found ? found : &mine, &f);
	if (rc)
		fail_msg("spool_open: %d %s: %s", rc, f.where, f.what);
	return s;
}

static struct spool *open_spool(struct spool_found *found)
{
	struct spool_options o = options();
	return open_with(&o, found);
}

static int try_append(struct spool *s, enum record_kind kind, int64_t time, int mark, size_t pad)
{
	struct buf b = BUF_INIT(RECORD_MAX_BYTES);
	buf_fmt(&b, "{\"mark\":%d,\"pad\":\"", mark);
	for (size_t i = 0; i < pad; i++)
		buf_char(&b, 'x');
	buf_str(&b, "\"}");
	int rc = spool_append(s, kind, time, b.data, b.len, NULL, NULL);
	buf_free(&b);
	return rc;
}

static void append(struct spool *s, enum record_kind kind, int mark)
{
	assert_int_equal(try_append(s, kind, NOW + mark, mark, 20), 0);
}

/* Everything in the spool, parsed and verified. */
struct item {
	int64_t seq, time;
	int mark;
	enum record_kind kind;
	char boot[BOOT_ID_ROOM];
	char body[200];
};
struct all {
	struct item row[2000];
	size_t n;
	uint64_t epoch;
	struct record_epoch begin; /* when seq 1 is there */
	unsigned char head[SHA256_LEN];
};
static struct all all;

static void read_all(struct spool *s, const unsigned char *by)
{
	struct spool_stats st;
	struct chain c = { .host = "web1" };
	int64_t from, first, last;

	spool_stats(s, &st);
	memset(&all, 0, sizeof all);
	c.epoch = all.epoch = st.epoch;
	c.seq = st.first_seq - 1;
	for (from = st.first_seq; from <= st.last_seq; from = last + 1) {
		struct buf out = BUF_INIT(1 << 20);
		assert_int_equal(spool_read(s, from, 3000, &out, &first, &last, NULL), 0);
		assert_int_equal(first, from);
		char *line = out.data;
		for (int64_t seq = first; seq <= last; seq++) {
			char *end = strchr(line, '\n');
			struct record r;
			struct fault f;
			assert_non_null(end);
			assert_int_equal(record_parse(line, (size_t)(end - line), &r, &f), 0);
			assert_int_equal(record_verify(line, (size_t)(end - line), by, &f), 0);
			if (all.n == 0)
				memcpy(c.head, r.prev, sizeof c.head);
			assert_int_equal(chain_continue(&c, &r, &f), 0);
			struct item *it = &all.row[all.n++];
			*it = (struct item){ .seq = r.seq, .time = r.time, .kind = r.kind };
			memcpy(it->boot, r.boot_id, sizeof it->boot);
			const char *body = strstr(line, "\"body\":");
			snprintf(it->body, sizeof it->body, "%.*s", (int)(end - body), body);
			sscanf(body, "\"body\":{\"mark\":%d", &it->mark);
			if (r.seq == 1)
				assert_int_equal(record_epoch_read(&r, &all.begin, &f), 0);
			record_clear(&r);
			line = end + 1;
		}
		assert_ptr_equal(line, out.data + out.len);
		buf_free(&out);
	}
	assert_int_equal(c.seq, st.last_seq);
	assert_memory_equal(c.head, st.head, SHA256_LEN);
	memcpy(all.head, c.head, SHA256_LEN);
}

static bool has_mark(int mark)
{
	for (size_t i = 0; i < all.n; i++)
		if (all.row[i].mark == mark)
			return true;
	return false;
}

static const struct item *find_kind(enum record_kind kind)
{
	for (size_t i = 0; i < all.n; i++)
		if (all.row[i].kind == kind)
			return &all.row[i];
	return NULL;
}

/* The only or the N-th segment's path, in the order of names. */
static const char *segment_path(unsigned n, unsigned *ret_count)
{
	static char path[512];
	struct dirent **list;
	int got = scandir(dir, &list, NULL, alphasort);
	unsigned i = 0;
	for (int k = 0; k < got; k++) {
		if (strlen(list[k]->d_name) == 33 && i++ == n)
			snprintf(path, sizeof path, "%s/%s", dir, list[k]->d_name);
		free(list[k]);
	}
	free(list);
	if (ret_count)
		*ret_count = i;
	return path;
}

static void put_file(const char *path, const char *data, size_t len)
{
	assert_int_equal(file_replace(path, data, len, 0600, FILE_VOLATILE, NULL), 0);
}

/* ---- the good way ---- */

static void appended_is_there(void **state)
{
	(void)state;
	struct spool_found found;
	struct spool *s = open_spool(&found);
	struct buf out = BUF_INIT(1 << 20);
	int64_t first, last;

	assert_true(found.new_epoch);
	assert_false(found.damaged);
	for (int i = 1; i <= 50; i++)
		append(s, i % 2 ? RECORD_DRIFT : RECORD_STATUS, i);
	read_all(s, pub);
	assert_int_equal(all.n, 51);
	assert_false(all.begin.has_after);
	assert_memory_equal(all.begin.key, pub, sizeof pub);
	uint64_t epoch = all.epoch;
	assert_int_equal(spool_ack(s, epoch, 40, NOW, NULL), 0);
	spool_close(s);

	s = open_spool(&found);
	assert_false(found.new_epoch);
	assert_int_equal(found.torn, 0);
	append(s, RECORD_APPLY, 51);
	read_all(s, pub);
	assert_true(all.epoch == epoch);
	assert_int_equal(all.n, 52);
	for (int i = 1; i <= 51; i++) {
		assert_int_equal(all.row[i].mark, i);
		assert_int_equal(all.row[i].time, NOW + i);
	}
	assert_int_equal(spool_read(s, 0, 1, &out, &first, &last, NULL), 0);
	assert_int_equal(first, 41); /* the acknowledgement was kept */
	assert_int_equal(last, 41);  /* at least one, whatever the limit */
	assert_int_equal(spool_ack(s, epoch, 53, NOW, NULL), KE_RANGE);
	assert_int_equal(spool_ack(s, epoch, 52, NOW, NULL), 0);
	assert_int_equal(spool_read(s, 0, 1, &out, &first, &last, NULL), KE_NOENT);
	assert_int_equal(spool_read(s, 54, 1, &out, &first, &last, NULL), KE_RANGE);
	assert_int_equal(spool_ack(s, epoch, 1, NOW, NULL), 0); /* late: ignored */
	assert_int_equal(spool_read(s, 0, 1, &out, &first, &last, NULL), KE_NOENT);
	buf_free(&out);
	spool_close(s);
}

static void opened_once(void **state)
{
	(void)state;
	struct spool_options o = options();
	struct spool *s = open_spool(NULL), *again;
	struct spool_found found;
	assert_int_equal(spool_open(&o, &again, &found, NULL), KE_BUSY);
	spool_close(s);
	o.host = "";
	assert_int_equal(spool_open(&o, &again, &found, NULL), KE_NAME);
}

/* ---- damage ---- */

/* Cut the file at every byte: every line that is whole is there, and appending goes on. */
static void torn_at_each_byte(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	char *text;
	size_t len, lines = 0;

	append(s, RECORD_DRIFT, 1);
	append(s, RECORD_APPLY, 2);
	spool_close(s);
	char path[512];
	snprintf(path, sizeof path, "%s", segment_path(0, NULL));
	assert_int_equal(file_read(path, 1 << 20, &text, &len, NULL), 0);
	size_t first_line = (size_t)(strchr(text, '\n') - text) + 1;
	for (size_t cut = first_line; cut <= len; cut++) {
		struct spool_found found;
		put_file(path, text, cut);
		lines = 0;
		size_t end = 0;
		for (size_t i = 0; i < cut; i++)
			if (text[i] == '\n') {
				lines++;
				end = i + 1;
			}
		s = open_spool(&found);
		assert_false(found.new_epoch);
		assert_int_equal(found.torn, cut - end);
		append(s, RECORD_DRIFT, 9);
		read_all(s, pub);
		assert_int_equal(all.n, lines + 1);
		assert_int_equal(all.row[lines].mark, 9);
		spool_close(s);
	}
	assert_int_equal(lines, 3);
	file_free(text);
}

/* Change one byte anywhere: only that record can be lost, it is said, and the others are carried on. */
static void changed_byte(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	char *text, *state_text, path[512], state_path[512];
	size_t len, state_len;

	for (int i = 1; i <= 3; i++)
		append(s, RECORD_DRIFT, i);
	read_all(s, pub);
	assert_int_equal(spool_ack(s, all.epoch, 2, NOW, NULL), 0);
	uint64_t epoch = all.epoch;
	spool_close(s);
	snprintf(path, sizeof path, "%s", segment_path(0, NULL));
	snprintf(state_path, sizeof state_path, "%s/state", dir);
	assert_int_equal(file_read(path, 1 << 20, &text, &len, NULL), 0);
	assert_int_equal(file_read(state_path, 4096, &state_text, &state_len, NULL), 0);
	for (size_t at = 0; at < len - 1; at += 11) {
		struct spool_found found;
		size_t line = 1;
		for (size_t i = 0; i < at; i++)
			line += text[i] == '\n';
		char was = text[at];
		text[at] ^= 1;
		empty_dir(dir);
		assert_int_equal(mkdir(dir, 0700), 0);
		put_file(path, text, len);
		put_file(state_path, state_text, state_len);
		text[at] = was;
		s = open_spool(&found);
		read_all(s, pub);
		assert_true(found.damaged && found.new_epoch);
		assert_true(all.epoch != epoch);
		assert_true(
		        all.begin.has_after && all.begin.after_epoch == epoch && all.begin.after_seq == 2);
		/* lines: 1 epoch, 2 mark 1 (both acknowledged), 3 mark 2, 4 mark 3; a newline joins two lines */
		bool newline = was == '\n';
		assert_int_equal(has_mark(2), line != 3 && !(newline && line == 2));
		assert_int_equal(has_mark(3), line != 4 && !(newline && line == 3));
		int64_t lost = !has_mark(2) + !has_mark(3);
		assert_int_equal(found.lost, lost);
		assert_int_equal(find_kind(RECORD_GAP) != NULL, lost > 0);
		assert_false(has_mark(1)); /* the server has it */
		append(s, RECORD_STATUS, 7);
		spool_close(s);
	}
	file_free(text);
	file_free(state_text);
}

/* What else a disk can do to the end or the files. ROWS: what is appended to the only segment. */
static void odd_tails(void **state)
{
	(void)state;
	static const char zeros[4096];
	static const struct {
		const char *remark, *bytes;
		size_t len;
		bool damaged;
		int64_t lost;
	} rows[] = {
		{ "zero-filled tail: never synced", zeros, sizeof zeros, false, 0 },
		{ "half a line", "{\"host\":\"web1\",\"ep", 18, false, 0 },
		{ "a line that is no record", "garbage\n", 8, true, 1 },
		{ "two of them", "garbage\n{}\n", 11, true, 2 },
		{ "an empty line", "\n", 1, true, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct spool_found found;
		struct spool *s = open_spool(NULL);
		append(s, RECORD_DRIFT, 1);
		spool_close(s);
		int fd = open(segment_path(0, NULL), O_WRONLY | O_APPEND);
		assert_int_equal(write(fd, rows[i].bytes, rows[i].len), rows[i].len);
		close(fd);
		s = open_spool(&found);
		read_all(s, pub);
		if (found.damaged != rows[i].damaged || found.lost != rows[i].lost || !has_mark(1))
			fail_msg("%s: damaged %d lost %" PRId64, rows[i].remark, found.damaged, found.lost);
		assert_int_equal(found.torn, rows[i].damaged ? 0 : rows[i].len);
		spool_close(s);
		empty_dir(dir);
	}
}

static void missing_and_doubled_segments(void **state)
{
	(void)state;
	static const struct {
		const char *remark;
		bool remove, copy;
		int64_t lost;
	} rows[] = {
		{ "a middle segment is gone: its records are lost, the rest is carried", true, false, 14 },
		{ "a segment stands there twice: nothing is lost", false, true, 0 },
	};
	for (size_t i = 0; i < 2; i++) {
		struct spool_found found;
		struct spool *s = open_spool(NULL);
		unsigned count;
		for (int k = 1; k <= 60; k++)
			append(s, RECORD_DRIFT, k);
		spool_close(s);
		const char *path = segment_path(1, &count);
		assert_true(count >= 4);
		int64_t from = strtoll(strrchr(path, '-') + 1, NULL, 10);
		if (rows[i].remove) {
			assert_int_equal(unlink(path), 0);
		} else {
			char *text, copy[600];
			size_t len;
			assert_int_equal(file_read(path, 1 << 20, &text, &len, NULL), 0);
			snprintf(
			        copy, sizeof copy, "%.*s-%016d", (int)(strrchr(path, '-') - path), path, 500);
			put_file(copy, text, len);
			file_free(text);
		}
		s = open_spool(&found);
		read_all(s, pub);
		assert_true(found.damaged);
		size_t have = 0;
		for (int k = 1; k <= 60; k++)
			have += has_mark(k);
		assert_int_equal(have, 60 - found.lost);
		assert_int_equal(found.lost > 0, rows[i].lost > 0);
		if (rows[i].lost) {
			char want[64];
			snprintf(want, sizeof want, "\"from_seq\":%" PRId64 ",", from);
			assert_non_null(strstr(find_kind(RECORD_GAP)->body, want));
			snprintf(want, sizeof want, "\"count\":%" PRId64 "}", found.lost);
			assert_non_null(strstr(find_kind(RECORD_GAP)->body, want));
			assert_non_null(strstr(find_kind(RECORD_GAP)->body, "\"kind\":\"unknown\""));
		}
		spool_close(s);
		empty_dir(dir);
	}
}

static void lost_state_file(void **state)
{
	(void)state;
	static const char *const contents[] = { NULL, "", "{", "{\"kedge_spool\":1}" };
	for (size_t i = 0; i < 4; i++) {
		struct spool *s = open_spool(NULL);
		struct spool_found found;
		char path[512];
		append(s, RECORD_DRIFT, 1);
		read_all(s, pub);
		uint64_t epoch = all.epoch;
		assert_int_equal(spool_ack(s, epoch, 2, NOW, NULL), 0);
		spool_close(s);
		snprintf(path, sizeof path, "%s/state", dir);
		if (contents[i])
			put_file(path, contents[i], strlen(contents[i]));
		else
			assert_int_equal(unlink(path), 0);
		s = open_spool(&found);
		read_all(s, pub);
		assert_false(found.new_epoch);
		assert_true(all.epoch == epoch && has_mark(1));
		struct spool_stats st;
		spool_stats(s, &st);
		assert_int_equal(st.acked_seq, 0); /* sent again; the server knows its own */
		spool_close(s);
		empty_dir(dir);
	}
}

/* A state that is newer than the segments: the directory was put back from a copy. */
static void segments_restored_from_a_copy(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	struct spool_found found;
	char *text, path[512];
	size_t len;
	append(s, RECORD_DRIFT, 1);
	snprintf(path, sizeof path, "%s", segment_path(0, NULL));
	assert_int_equal(file_read(path, 1 << 20, &text, &len, NULL), 0);
	append(s, RECORD_DRIFT, 2);
	read_all(s, pub);
	struct all before = all;
	assert_int_equal(spool_ack(s, all.epoch, 3, NOW, NULL), 0);
	spool_close(s);
	put_file(path, text, len);
	file_free(text);
	s = open_spool(&found);
	read_all(s, pub);
	assert_true(found.damaged);
	assert_int_equal(found.lost, 0); /* the server has them */
	assert_int_equal(all.begin.after_seq, 3);
	assert_memory_equal(all.begin.after_head, before.head, SHA256_LEN);
	spool_close(s);
}

static void another_key(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	struct spool_options o = options();
	struct spool_found found;
	append(s, RECORD_DRIFT, 1);
	spool_close(s);
	o.key = other_key;
	o.boot_id = BOOT2;
	s = open_with(&o, &found);
	assert_true(found.new_epoch && !found.damaged && found.lost == 0 && found.carried == 1);
	read_all(s, other_pub);
	assert_memory_equal(all.begin.key, other_pub, sizeof pub);
	assert_int_equal(all.row[1].mark, 1);
	assert_int_equal(all.row[1].time, NOW + 1);
	assert_string_equal(all.row[1].boot, BOOT); /* of the record, not of now */
	assert_string_equal(all.row[0].boot, BOOT2);
	spool_close(s);
}

/* ---- bounds ---- */

static void acknowledged_segments_go(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	struct spool_stats st;
	for (int i = 1; i <= 60; i++)
		append(s, RECORD_STATUS, i);
	append(s, RECORD_DRIFT, 61);
	for (int i = 62; i <= 100; i++)
		append(s, RECORD_STATUS, i);
	spool_stats(s, &st);
	unsigned before = st.segments;
	assert_int_equal(spool_ack(s, st.epoch, 101, NOW + 200, NULL), 0);
	spool_stats(s, &st);
	assert_true(st.segments < before);
	assert_true(st.first_seq > 1 && st.first_seq <= 62); /* the drift stays, and what is behind it */
	append(s, RECORD_STATUS, 101);
	assert_int_equal(spool_ack(s, st.epoch, 102, NOW + 100 + SPOOL_KEEP_SECONDS, NULL), 0);
	spool_stats(s, &st);
	assert_int_equal(st.segments, 1); /* 30 days later it goes */
	spool_close(s);
	struct spool_found found;
	s = open_spool(&found);
	assert_false(found.new_epoch); /* a chain whose beginning was sent is whole */
	spool_close(s);
}

static void full_drops_telemetry_first(void **state)
{
	(void)state;
	struct spool_options o = options();
	o.max_bytes = 64 * 1024;
	struct spool *s = open_with(&o, NULL);
	struct spool_stats st;
	int marks = 0;

	for (int i = 0; i < 200; i++) {
		enum record_kind kind = i % 10 == 0   ? RECORD_DRIFT
		                        : i % 10 == 5 ? RECORD_STATUS
		                                      : RECORD_SOCKETS;
		assert_int_equal(try_append(s, kind, NOW + i, ++marks, 300), 0);
		spool_stats(s, &st);
		assert_true(st.bytes <= o.max_bytes);
	}
	assert_true(st.dropped[RECORD_SOCKETS] > 0);
	assert_int_equal(st.dropped[RECORD_STATUS], 0);
	spool_close(s);
	struct spool_found found;
	s = open_with(&o, &found);
	assert_false(found.new_epoch);
	read_all(s, pub);
	assert_true(has_mark(200)); /* the newest stay */
	int64_t gone = 0, drifts = 0, statuses = 0, counted = 0;
	for (int m = 1; m <= 200; m++)
		gone += !has_mark(m);
	for (size_t i = 0; i < all.n; i++) {
		int64_t count = 0;
		const char *at = strstr(all.row[i].body, "\"count\":");
		if (all.row[i].kind == RECORD_GAP && at && sscanf(at, "\"count\":%" SCNd64, &count) == 1)
			counted += count;
		drifts += all.row[i].kind == RECORD_DRIFT;
		statuses += all.row[i].kind == RECORD_STATUS;
	}
	assert_int_equal(drifts, 20);
	assert_int_equal(statuses, 20);
	assert_int_equal(gone, st.dropped[RECORD_SOCKETS]);
	assert_int_equal(counted, gone); /* every one is accounted for */
	spool_close(s);
}

static void full_of_what_must_stay(void **state)
{
	(void)state;
	struct spool_options o = options();
	o.max_bytes = 32 * 1024;
	struct spool *s = open_with(&o, NULL);
	struct spool_stats st;
	int n = 0, rc;
	while (!(rc = try_append(s, RECORD_DRIFT, NOW, n + 1, 300)) && n < 100)
		n++;
	assert_int_equal(rc, KE_TOOBIG);
	assert_in_range(n, 20, 60);
	assert_int_equal(try_append(s, RECORD_SOCKETS, NOW, 500, 300), KE_TOOBIG);
	read_all(s, pub);
	for (int i = 1; i <= n; i++)
		assert_true(has_mark(i));
	spool_stats(s, &st);
	assert_int_equal(spool_ack(s, st.epoch, st.last_seq, NOW, NULL), 0);
	assert_int_equal(try_append(s, RECORD_DRIFT, NOW, 501, 300), 0); /* room again */
	spool_close(s);
}

/* ---- forks ---- */

static void server_is_behind_or_ahead_in_our_chain(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	struct spool_stats st;
	enum spool_forked how;
	unsigned char at2[SHA256_LEN];
	for (int i = 1; i <= 5; i++) {
		append(s, RECORD_DRIFT, i);
		spool_stats(s, &st);
		if (i == 1)
			memcpy(at2, st.head, sizeof at2);
	}
	assert_int_equal(spool_ack(s, st.epoch, 6, NOW, NULL), 0);
	assert_int_equal(spool_fork(s, st.epoch, 2, at2, 77, NOW, &how, NULL), 0);
	assert_int_equal(how, SPOOL_REWOUND);
	struct spool_stats now;
	spool_stats(s, &now);
	assert_true(now.epoch == st.epoch && now.acked_seq == 2);
	unsigned char none[SHA256_LEN] = { 0 };
	assert_int_equal(spool_fork(s, 0, 0, none, 78, NOW, &how, NULL), 0); /* the server knows nothing */
	assert_int_equal(how, SPOOL_REWOUND);
	spool_stats(s, &now);
	assert_true(now.epoch == st.epoch && now.acked_seq == 0);
	spool_close(s);
}

static void fork_opens_an_epoch(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	struct spool_stats st;
	enum spool_forked how;
	unsigned char theirs[SHA256_LEN] = { 0xab };
	for (int i = 1; i <= 30; i++)
		append(s, RECORD_DRIFT, i);
	spool_stats(s, &st);
	assert_int_equal(spool_ack(s, st.epoch, 11, NOW, NULL), 0); /* marks 1 to 10 */
	assert_int_equal(spool_fork(s, st.epoch, 20, theirs, st.epoch, NOW, &how, NULL), KE_RANGE);
	assert_int_equal(spool_fork(s, st.epoch, 20, theirs, 0x77, NOW + 99, &how, NULL), 0);
	assert_int_equal(how, SPOOL_NEW_EPOCH);
	append(s, RECORD_STATUS, 31);
	spool_close(s);
	struct spool_found found;
	s = open_spool(&found);
	assert_false(found.new_epoch);
	read_all(s, pub);
	assert_true(all.epoch == 0x77);
	assert_true(all.begin.has_after && all.begin.after_epoch == st.epoch && all.begin.after_seq == 20);
	assert_memory_equal(all.begin.after_head, theirs, sizeof theirs);
	assert_int_equal(all.n, 22);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(all.row[i].mark, 10 + i);
		assert_int_equal(all.row[i].time, NOW + 10 + i);
	}
	spool_close(s);
}

/* ---- failing disks ---- */

static void failed_sync_is_no_record(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	struct spool_stats st;
	unsigned before, after;
	append(s, RECORD_DRIFT, 1);
	segment_path(0, &before);
	sync_fails = 1;
	assert_int_equal(try_append(s, RECORD_DRIFT, NOW, 2, 10), KE_IO);
	append(s, RECORD_DRIFT, 3);
	segment_path(0, &after);
	assert_int_equal(after, before + 1); /* never the same descriptor again */
	sync_fails = 2;
	assert_int_equal(try_append(s, RECORD_DRIFT, NOW, 4, 10), KE_IO);
	assert_int_equal(try_append(s, RECORD_DRIFT, NOW, 5, 10), KE_IO); /* of a new file: removed again */
	append(s, RECORD_DRIFT, 6);
	spool_stats(s, &st);
	assert_int_equal(st.failures, 3);
	spool_close(s);
	struct spool_found found;
	s = open_spool(&found);
	assert_false(found.new_epoch);
	read_all(s, pub);
	assert_int_equal(all.n, 4);
	assert_true(has_mark(1) && has_mark(3) && has_mark(6));
	spool_close(s);
}

/* The line of a failed append is still in the old file, as when cutting it back failed too. */
static void leftover_behind_a_segment(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	char path[512], *text;
	size_t len;
	append(s, RECORD_DRIFT, 1);
	snprintf(path, sizeof path, "%s", segment_path(0, NULL));
	sync_fails = 1;
	assert_int_equal(try_append(s, RECORD_DRIFT, NOW, 2, 10), KE_IO);
	append(s, RECORD_DRIFT, 3);
	spool_close(s);
	assert_int_equal(file_read(segment_path(1, NULL), 1 << 20, &text, &len, NULL), 0);
	int fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, text, len / 2), len / 2);
	assert_int_equal(write(fd, "\nrubbish\n", 9), 9);
	close(fd);
	file_free(text);
	struct spool_found found;
	s = open_spool(&found);
	assert_false(found.new_epoch);
	read_all(s, pub);
	assert_int_equal(all.n, 3);
	assert_true(has_mark(1) && has_mark(3));
	spool_close(s);
}

static void short_write(void **state)
{
	(void)state;
	struct spool *s = open_spool(NULL);
	struct rlimit was, tight;
	struct stat st;
	append(s, RECORD_DRIFT, 1);
	assert_int_equal(stat(segment_path(0, NULL), &st), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	for (rlim_t room = 0; room < 400; room += 57) {
		tight = (struct rlimit){ (rlim_t)st.st_size + room, was.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
		assert_int_equal(try_append(s, RECORD_DRIFT, NOW, 50, 600), KE_IO);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
		struct stat now;
		assert_int_equal(stat(segment_path(0, NULL), &now), 0);
		assert_int_equal(now.st_size, st.st_size); /* cut back */
		spool_close(s);
		s = open_spool(NULL);
	}
	append(s, RECORD_DRIFT, 2);
	read_all(s, pub);
	assert_int_equal(all.n, 3);
	spool_close(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(appended_is_there),
		T(opened_once),
		T(torn_at_each_byte),
		T(changed_byte),
		T(odd_tails),
		T(missing_and_doubled_segments),
		T(lost_state_file),
		T(segments_restored_from_a_copy),
		T(another_key),
		T(acknowledged_segments_go),
		T(full_drops_telemetry_first),
		T(full_of_what_must_stay),
		T(server_is_behind_or_ahead_in_our_chain),
		T(fork_opens_an_epoch),
		T(failed_sync_is_no_record),
		T(leftover_behind_a_segment),
		T(short_write),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
