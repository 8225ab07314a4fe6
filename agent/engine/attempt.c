/* attempt.c — five words in a file, synced.
 *
 * Text, so that a person at the rescue prompt can read it: "kedge-attempt 1 STATE HASH BOOT TIME" and a checksum. A
 * damaged mark is not taken for none: the plan that it names might be the one that took the host down.
 */
#include "agent/engine/attempt.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fileio.h"

#define ATTEMPT_MAX_BYTES 512
#define TIME_LIMIT        INT64_C(253402300799) /* the end of the year 9999 */

static const char *const state_names[] = {
	[ATTEMPT_NONE] = "none",
	[ATTEMPT_STARTED] = "started",
	[ATTEMPT_CONFIRMED] = "confirmed",
	[ATTEMPT_REVERTED] = "reverted",
};

const char *attempt_state_name(enum attempt_state s)
{
	return s < sizeof state_names / sizeof state_names[0] ? state_names[s] : "none";
}

static int line_make(const struct attempt *a, char *line, size_t size)
{
	char hash[2 * SHA256_LEN + 1];

	int n = snprintf(line, size, "kedge-attempt 1 %s %s %s %" PRId64, attempt_state_name(a->state),
	        hex_encode(a->hash, SHA256_LEN, hash), a->boot_id, a->time);
	if (n < 0 || (size_t)n + 10 >= size)
		return -1;
	return n + snprintf(line + n, size - (size_t)n, " %08" PRIx32 "\n", crc32c(0, line, (size_t)n));
}

/* The next word, ended by a blank or the end. */
static bool word_take(const char **at, const char *end, const char **ret, size_t *ret_len)
{
	const char *p = *at;

	if (p >= end)
		return false;
	const char *stop = memchr(p, ' ', (size_t)(end - p));
	if (!stop)
		stop = end;
	*ret = p;
	*ret_len = (size_t)(stop - p);
	*at = stop < end ? stop + 1 : end;
	return *ret_len > 0;
}

static bool time_take(const char *word, size_t len, int64_t *ret)
{
	int64_t v = 0;

	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9' || v > TIME_LIMIT)
			return false;
		v = v * 10 + (word[i] - '0');
	}
	*ret = v;
	return len > 0 && v <= TIME_LIMIT;
}

static bool state_take(const char *word, size_t len, enum attempt_state *ret)
{
	for (int s = ATTEMPT_STARTED; s <= ATTEMPT_REVERTED; s++) {
		if (strlen(state_names[s]) == len && memcmp(state_names[s], word, len) == 0) {
			*ret = (enum attempt_state)s;
			return true;
		}
	}
	return false;
}

int attempt_parse(const char *text, size_t len, struct attempt *ret)
{
	const char *at = text, *end = text + len, *w[7];
	size_t n[7];
	struct attempt a = { .state = ATTEMPT_NONE };
	char again[ATTEMPT_MAX_BYTES];

	for (size_t i = 0; i < 7; i++)
		if (!word_take(&at, end, &w[i], &n[i]))
			return KE_SYNTAX;
	if (!state_take(w[2], n[2], &a.state) || !hex_decode(w[3], n[3], a.hash, SHA256_LEN) ||
	        n[4] >= sizeof a.boot_id || !time_take(w[5], n[5], &a.time))
		return KE_SYNTAX;
	memcpy(a.boot_id, w[4], n[4]);
	/* There is one way to write a mark: what does not come out the same, checksum included, is none. */
	int made = line_make(&a, again, sizeof again);
	if (made < 0 || (size_t)made != len || memcmp(again, text, len) != 0)
		return KE_SYNTAX;
	*ret = a;
	return KE_OK;
}

static int path_make(const char *state_dir, char path[PATH_MAX], struct fault *f)
{
	if (snprintf(path, PATH_MAX, "%s/%s", state_dir, ATTEMPT_NAME) >= PATH_MAX)
		return fault_set(f, KE_TOOBIG, state_dir, NULL, "path too long");
	return KE_OK;
}

int attempt_read(const char *state_dir, struct attempt *ret, struct fault *f)
{
	char path[PATH_MAX], *text = NULL;
	size_t len = 0;
	int rc = path_make(state_dir, path, f);

	if (!rc)
		rc = file_read(path, ATTEMPT_MAX_BYTES, &text, &len, f);
	if (rc == KE_NOENT) {
		*ret = (struct attempt){ .state = ATTEMPT_NONE };
		return KE_OK;
	}
	if (rc)
		return rc;
	rc = attempt_parse(text, len, ret);
	file_free(text);
	if (rc)
		fault_set(f, rc, path, "look at what happened, then retry", "the attempt mark is damaged");
	return rc;
}

int attempt_write(const char *state_dir, const struct attempt *a, struct fault *f)
{
	char path[PATH_MAX], line[ATTEMPT_MAX_BYTES];
	int rc = path_make(state_dir, path, f);

	if (rc)
		return rc;
	int n = line_make(a, line, sizeof line);
	if (n < 0)
		return fault_set(f, KE_TOOBIG, path, NULL, "the mark does not fit");
	return file_replace(path, line, (size_t)n, 0600, FILE_DURABLE, f);
}

int attempt_clear(const char *state_dir, struct fault *f)
{
	char path[PATH_MAX];
	int rc = path_make(state_dir, path, f);

	return rc ? rc : file_remove(path, FILE_DURABLE, f);
}

bool attempt_holds(const struct attempt *a, const unsigned char hash[SHA256_LEN], const char *boot_id)
{
	if (a->state == ATTEMPT_NONE || memcmp(a->hash, hash, SHA256_LEN) != 0)
		return false;
	if (a->state == ATTEMPT_REVERTED)
		return true;
	return a->state == ATTEMPT_STARTED && strcmp(a->boot_id, boot_id) != 0;
}
