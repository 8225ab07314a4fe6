/* Each byte of each metadata file is changed, one at a time: none is adopted. */
#include "tests/support/trust_world.h"

/* The canonical form of the signed part of LEN bytes of DATA, or NULL. */
static char *meaning(const char *data, size_t len)
{
	struct envelope *env;
	struct buf out = BUF_INIT(TUF_META_MAX);
	char *text = NULL;
	if (envelope_open(data, len, &env, NULL))
		return NULL;
	assert_int_equal(canon_write(envelope_claims(env).node, &out), 0);
	assert_int_equal(buf_take(&out, &text, NULL), 0);
	envelope_free(env);
	return text;
}

/* What a client with an empty cache stores of a repository where one byte of FILE is changed. BEFORE is what it has
 * stored under that name already (NULL: nothing). White space, the case of a signature's digits and the names of unknown
 * members are nobody's statement: bytes that mean the same may be adopted where no hash is listed, nothing else. */
static void flip_one(struct world *w, const char *file, const char *cached, size_t at, const char *same,
        const struct repo_sim_file *before, bool hashed)
{
	struct repo_sim_client *client = repo_sim_client_new(w->sim);
	int rc = repo_sim_refresh(client, w->sim, NOW, &w->f);
	struct repo_sim_file *stored = repo_sim_file(client->cache, cached);
	if (rc == 0) {
		char *got = stored ? meaning(stored->data, stored->len) : NULL;
		if (hashed || !got || strcmp(got, same) != 0)
			fail_msg("%s: byte %zu flipped and adopted", file, at);
		free(got);
	} else if (before ? stored->len != before->len || memcmp(stored->data, before->data, before->len) != 0
	                  : stored != NULL) {
		fail_msg("%s: byte %zu flipped, refused, and stored", file, at);
	}
	repo_sim_client_free(client);
}

static void flip_sweep(struct world *w, const char *file, const char *cached, const char *before, bool hashed)
{
	static const unsigned char masks[] = { 0x01, 0x20, 0x80 };
	struct repo_sim_file *good = repo_sim_file(w->sim->metadata, file);
	char *same = meaning(good->data, good->len);
	assert_non_null(same);
	for (size_t i = 0; i < good->len; i++) {
		char keep = good->data[i];
		good->data[i] = (char)(keep ^ masks[i % 3]);
		flip_one(w, file, cached, i, same, before ? repo_sim_file(w->sim->metadata, before) : NULL,
		        hashed);
		good->data[i] = keep;
	}
	free(same);
}

/* Each byte of each file, one at a time. */
static void no_flipped_byte_is_adopted(void **state)
{
	struct world *w = *state;
	flip_sweep(w, "timestamp.json", "timestamp.json", NULL, false);
	flip_sweep(w, "1.snapshot.json", "snapshot.json", NULL, true);
	flip_sweep(w, "1.targets.json", "targets.json", NULL, true);
	assert_int_equal(release_expires(w->sim->release, "root", NOW + 300 * REPO_SIM_DAY, &w->f), 0);
	repo_sim_publish(w->sim);
	flip_sweep(w, "2.root.json", "root.json", "1.root.json", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(no_flipped_byte_is_adopted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
