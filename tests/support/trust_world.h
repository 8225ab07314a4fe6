/* trust_world.h — what the tests of the trusted set share: one repository, one client, and the forgeries that several of
 * them begin with. */
#ifndef KEDGE_TESTS_TRUST_WORLD_H
#define KEDGE_TESTS_TRUST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cJSON.h>

#include "proto/tree.h"
#include "tests/support/repo_sim.h"

#define NOW (REPO_SIM_NOW + 3600)

struct world {
	struct repo_sim *sim;
	struct repo_sim_client *client;
	struct fault f;
};

/* Version 1 of a repository that lists nothing, and a client that trusts its root. */
static inline int world_make(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	w->sim = repo_sim_new();
	w->client = repo_sim_client_new(w->sim);
	*state = w;
	return 0;
}

static inline int world_free(void **state)
{
	struct world *w = *state;
	repo_sim_client_free(w->client);
	repo_sim_free(w->sim);
	free(w);
	return 0;
}

static inline void want(struct world *w, int rc, int code)
{
	char line[1024];
	if (rc != code)
		fail_msg("got %s, wanted %s: %s", err_name(rc), err_name(code),
		        fault_line(&w->f, line, sizeof line));
	w->f = (struct fault){ 0 };
}

static inline void refresh(struct world *w, int code)
{
	want(w, repo_sim_refresh(w->client, w->sim, NOW, &w->f), code);
	assert_int_equal(trust_ready(w->client->trust), code == 0);
}

static inline int64_t version(const struct world *w, enum tuf_top role)
{
	return trust_version(w->client->trust, role);
}

/* Both are needed: the threshold is 2. */
static const char *const root_keys[] __attribute__((unused)) = { "root-1", "root-2" };

static inline void set_version(struct cJSON *part, void *ctx)
{
	tree_set(part, "version", cJSON_CreateNumber(*(int *)ctx));
}

/* Root 2 has the keys "root-3" and "root-4" in the place of the first two. */
static inline void swap_root_keys(struct world *w)
{
	struct release *r = w->sim->release;
	for (int i = 0; i < 2; i++) {
		static const char *const fresh[] = { "root-3", "root-4" };
		assert_int_equal(
		        release_key_add(r, "root", signkey_public(repo_sim_key(w->sim, fresh[i])), &w->f), 0);
		assert_int_equal(
		        release_key_drop(r, "root", signkey_id(repo_sim_key(w->sim, root_keys[i])), &w->f),
		        0);
	}
	repo_sim_publish(w->sim);
}

static inline void list_snapshot(struct cJSON *part, void *ctx)
{
	cJSON *entry = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(part, "meta"), "snapshot.json");
	(void)ctx;
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "length");
	cJSON_DeleteItemFromObjectCaseSensitive(entry, "hashes");
}

/* The timestamp lists the snapshot by version only. */
static inline void relist_timestamp(struct world *w)
{
	repo_sim_forge(
	        w->sim, "timestamp.json", (const char *const[]){ "timestamp" }, 1, list_snapshot, NULL);
}

static inline void set_snapshot_version(struct cJSON *part, void *ctx)
{
	cJSON *entry = cJSON_GetObjectItemCaseSensitive(
	        cJSON_GetObjectItemCaseSensitive(part, "meta"), "snapshot.json");
	tree_set(part, "version", cJSON_CreateNumber(((int *)ctx)[0]));
	tree_set(entry, "version", cJSON_CreateNumber(((int *)ctx)[1]));
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_make, world_free)

#endif
