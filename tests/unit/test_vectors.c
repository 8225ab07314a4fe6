/* Metadata that another implementation wrote (tests/vectors): a client of ours takes it as it is, and nothing less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/fileio.h"
#include "tests/support/repo_sim.h"

#define NOW 1796000000

static const char *const files[] = { "1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json",
	"1.dele.json" };

/* A simulated server with the files of DIR. */
static struct repo_sim *read_server(const char *dir)
{
	struct repo_sim *sim = calloc(1, sizeof *sim);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char path[512], *data;
		size_t len;
		snprintf(path, sizeof path, "%s/tests/vectors/%s/%s", KEDGE_SOURCE_DIR, dir, files[i]);
		assert_int_equal(file_read(path, TUF_META_MAX, &data, &len, NULL), 0);
		repo_sim_put(&sim->metadata, files[i], data, len);
		file_free(data);
	}
	return sim;
}

static void python_tuf_is_understood(void **state)
{
	(void)state;
	struct repo_sim *sim = read_server("python-tuf");
	struct repo_sim_client *client = repo_sim_client_new(sim);
	struct fault f = { 0 };
	const struct tuf_target *target;
	if (repo_sim_refresh(client, sim, NOW, &f))
		fail_msg("%s: %s", f.where, f.what);
	assert_int_equal(repo_sim_find(client, sim, "a/b.json", &target, &f), 0);
	assert_true(target->hashes.has_sha256 && target->hashes.has_sha512);
	assert_int_equal(trust_target_check(target, "hello", 5, &f), 0);
	assert_int_equal(repo_sim_find(client, sim, "d/\xc3\xa9", &target, &f), 0);
	assert_string_equal(client->asked, "1.dele.json");
	assert_int_equal(repo_sim_find(client, sim, "d/e", &target, &f), KE_NOENT);
	repo_sim_client_free(client);
	repo_sim_free(sim);
}

/* Each of the three signatures of the root counts: without any one of them the root is nobody's. */
static void every_signature_is_needed(void **state)
{
	(void)state;
	struct repo_sim *sim = read_server("python-tuf");
	struct repo_sim_file *root = repo_sim_file(sim->metadata, "1.root.json");
	int seen = 0;
	for (char *at = root->data; (at = strstr(at, "\"sig\": \"")); seen++) {
		struct trust *t = NULL;
		at += 8;
		char keep = at[20];
		at[20] = keep == '0' ? '1' : '0';
		assert_int_equal(trust_new(root->data, root->len, &t, NULL), KE_SIGNATURE);
		at[20] = keep;
		assert_int_equal(trust_new(root->data, root->len, &t, NULL), 0);
		trust_free(t);
	}
	assert_int_equal(seen, 3);
	repo_sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(python_tuf_is_understood),
		cmocka_unit_test(every_signature_is_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
