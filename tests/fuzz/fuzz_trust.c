/* A good repository whose files are changed at will: four bytes of input are (file, offset high, offset low, value).
 * Whatever a client adopts says what the publisher said. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/canon.h"
#include "tests/support/repo_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const served[] = { "timestamp.json", "2.snapshot.json", "2.targets.json", "1.a.json",
	"2.root.json" };
static const char *const cached[] = { "timestamp.json", "snapshot.json", "targets.json", "a.json",
	"root.json" };

/* The canonical signed part of FILE. */
static void meaning(const struct repo_sim_file *file, struct buf *out)
{
	struct envelope *env;

	if (envelope_open(file->data, file->len, &env, NULL) || canon_write(envelope_claims(env).node, out))
		abort();
	envelope_free(env);
}

static void compare(
        const struct repo_sim_file *stored, struct repo_sim_file *good, struct repo_sim_file *other)
{
	struct buf a = BUF_INIT(1 << 20), b = BUF_INIT(1 << 20);

	meaning(stored, &a);
	meaning(good, &b);
	bool same = strcmp(buf_text(&a), buf_text(&b)) == 0;
	if (!same && other) {
		buf_clear(&b);
		meaning(other, &b);
		same = strcmp(buf_text(&a), buf_text(&b)) == 0;
	}
	if (!same)
		abort();
	buf_free(&a);
	buf_free(&b);
}

/* Made once: signing takes longer than everything that is tested here. */
static struct repo_sim *published(void)
{
	static struct repo_sim *sim;

	if (sim)
		return sim;
	sim = repo_sim_new();
	if (release_expires(sim->release, "root", sim->now + 99 * REPO_SIM_DAY, NULL))
		abort();
	repo_sim_delegate(sim, "targets", "a", "*", false);
	repo_sim_target(sim, "a", "t", "text");
	repo_sim_publish(sim);
	return sim;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct repo_sim *sim = published();
	const struct tuf_target *target;
	struct repo_sim_file *good = repo_sim_files_copy(sim->metadata);
	struct repo_sim_client *client = repo_sim_client_new(sim);
	for (size_t i = 0; i + 4 <= size && i < 64; i += 4) {
		struct repo_sim_file *file = repo_sim_file(sim->metadata, served[data[i] % 5]);
		file->data[(size_t)(data[i + 1] << 8 | data[i + 2]) % file->len] = (char)data[i + 3];
	}
	if (repo_sim_refresh(client, sim, sim->now, NULL) == 0)
		repo_sim_find(client, sim, "t", &target, NULL);
	for (int i = 0; i < 5; i++) {
		struct repo_sim_file *stored = repo_sim_file(client->cache, cached[i]);
		if (stored)
			compare(stored, repo_sim_file(good, served[i]),
			        i == 4 ? repo_sim_file(good, "1.root.json") : NULL);
	}
	repo_sim_client_free(client);
	repo_sim_files_free(&sim->metadata);
	sim->metadata = good;
	return 0;
}
