/* The spool: what was appended is there after a reopen; it stays bounded and drops the right things; forks carry on; a
 * failing disk costs only the records that it refused. */
#include "tests/support/spool_world.h"

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
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(appended_is_there),
		SPOOL_TEST(opened_once),
		SPOOL_TEST(acknowledged_segments_go),
		SPOOL_TEST(full_drops_telemetry_first),
		SPOOL_TEST(full_of_what_must_stay),
		SPOOL_TEST(server_is_behind_or_ahead_in_our_chain),
		SPOOL_TEST(fork_opens_an_epoch),
		SPOOL_TEST(failed_sync_is_no_record),
		SPOOL_TEST(leftover_behind_a_segment),
		SPOOL_TEST(short_write),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
