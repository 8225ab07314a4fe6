/* A damaged spool: torn, changed, doubled and missing bytes cost only themselves; what is good is carried on. */
#include "tests/support/spool_world.h"

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
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, end);
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
		unsigned which;
		bool remove, lost;
		int64_t epoch; /* the epoch record is one of the lost */
	} rows[] = {
		{ "a middle segment is gone: its records are lost, the rest is carried", 1, true, true, 0 },
		{ "the first segment is gone before it was sent", 0, true, true, 1 },
		{ "a segment stands there twice: nothing is lost", 1, false, false, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct spool_found found;
		struct spool *s = open_spool(NULL);
		unsigned count;
		for (int k = 1; k <= 60; k++)
			append(s, RECORD_DRIFT, k);
		spool_close(s);
		const char *path = segment_path(rows[i].which, &count);
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
		assert_int_equal(have, 60 - found.lost + rows[i].epoch);
		assert_int_equal(all.n, 1 + rows[i].lost + have); /* nothing twice */
		assert_int_equal(found.lost > 0, rows[i].lost);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPOOL_TEST(torn_at_each_byte),
		SPOOL_TEST(changed_byte),
		SPOOL_TEST(odd_tails),
		SPOOL_TEST(missing_and_doubled_segments),
		SPOOL_TEST(lost_state_file),
		SPOOL_TEST(segments_restored_from_a_copy),
		SPOOL_TEST(another_key),
	};
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
