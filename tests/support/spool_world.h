/* spool_world.h — what the tests of the spool share: a directory, two keys, records with marks, everything read back
 * and verified. fdatasync() is the program's own here, to let it fail. To be included by one test program each. */
#ifndef KEDGE_TESTS_SPOOL_WORLD_H
#define KEDGE_TESTS_SPOOL_WORLD_H

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

static inline bool make_base(void)
{
	if (mkdtemp(base))
		return true;
	snprintf(base, sizeof base, "/tmp/kedge-spool-XXXXXX");
	return mkdtemp(base) != NULL;
}

static inline int group_setup(void **state)
{
	(void)state;
	unsigned char seed[SIGNKEY_SEED_LEN] = { 7 };
	int rc = signkey_from_seed(seed, &key, NULL) || record_key(key, pub);
	seed[0] = 8;
	return rc || signkey_from_seed(seed, &other_key, NULL) || record_key(other_key, other_pub) ||
	       !make_base();
}

static inline void empty_dir(const char *path)
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

static inline int group_teardown(void **state)
{
	(void)state;
	signkey_free(key);
	signkey_free(other_key);
	return rmdir(base);
}

static inline int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "%s/spool", base);
	sync_fails = 0;
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	empty_dir(dir);
	return 0;
}

static inline struct spool_options options(void)
{
	struct spool_options o = {
		.dir = dir, .host = "web1", .boot_id = BOOT, .key = key, .time = NOW, .segment_bytes = 8192
	};
	o.seed[0] = (unsigned char)++runs;
	o.seed[1] = (unsigned char)(runs >> 8);
	return o;
}

static inline struct spool *open_with(const struct spool_options *o, struct spool_found *found)
{
	struct spool *s = NULL;
	struct spool_found mine;
	struct fault f = { 0 };
	int rc = spool_open(o, &s, found ? found : &mine, &f);
	if (rc)
		fail_msg("spool_open: %d %s: %s", rc, f.where, f.what);
	return s;
}

static inline struct spool *open_spool(struct spool_found *found)
{
	struct spool_options o = options();
	return open_with(&o, found);
}

static inline int try_append(struct spool *s, enum record_kind kind, int64_t time, int mark, size_t pad)
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

static inline void append(struct spool *s, enum record_kind kind, int mark)
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

static inline void read_all(struct spool *s, const unsigned char *by)
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

static inline bool has_mark(int mark)
{
	for (size_t i = 0; i < all.n; i++)
		if (all.row[i].mark == mark)
			return true;
	return false;
}

static inline const struct item *find_kind(enum record_kind kind)
{
	for (size_t i = 0; i < all.n; i++)
		if (all.row[i].kind == kind)
			return &all.row[i];
	return NULL;
}

/* The only or the N-th segment's path, in the order of names. */
static inline const char *segment_path(unsigned n, unsigned *ret_count)
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

static inline void put_file(const char *path, const char *data, size_t len)
{
	assert_int_equal(file_replace(path, data, len, 0600, FILE_VOLATILE, NULL), 0);
}

#define SPOOL_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
