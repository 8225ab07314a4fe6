/* A pending file that somebody carried here: any bytes. Two have to sign; of the two keys one never signed anything that
 * the makers of the input could have, so nothing becomes complete, and what is refused leaves no trace. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/release.h"

#define NOW 1796000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct signkey *keys[2];
static struct release_files files;

static void need(int rc)
{
	if (rc)
		abort();
}

/* Version 1 of a repository whose targets are signed by two keys. */
static void begin(void)
{
	static const char *const roles[] = { "root", "timestamp", "snapshot", "targets" };
	struct release *r;

	for (unsigned char i = 0; i < 2; i++) {
		const unsigned char seed[SIGNKEY_SEED_LEN] = { (unsigned char)(i + 1) };
		need(signkey_from_seed(seed, &keys[i], NULL));
	}
	need(release_new(&r));
	need(release_init(r, true, NULL));
	for (int i = 0; i < 4; i++) {
		need(release_key_add(r, roles[i], signkey_public(keys[0]), NULL));
		need(release_expires(r, roles[i], NOW + 86400, NULL));
	}
	need(release_key_add(r, "targets", signkey_public(keys[1]), NULL));
	need(release_threshold(r, "targets", 2, NULL));
	need(release_write(r, NOW, (const struct signkey *const *)keys, 2, &files, NULL));
	release_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct release_pendings plan = { 0 };
	struct release *r;
	size_t n = 0;

	if (!keys[0])
		begin();
	need(release_new(&r));
	/* Published order is root, targets, snapshot, timestamp. */
	for (size_t i = 0; i < files.n; i++)
		need(release_load(r, files.list[i].role, files.list[i].data, files.list[i].len, NULL));
	if (release_pending_load(r, "targets", data, size, NULL) == KE_OK) {
		if (release_preview(r, NOW, &plan, NULL) == KE_OK && (plan.n != 3 || plan.list[0].ready))
			abort();
		/* The same file again has nothing new. */
		if (release_pending_merge(r, data, size, NULL, &n, NULL) || n)
			abort();
	} else if (release_changed(r, "targets")) {
		abort();
	}
	release_pendings_free(&plan);
	release_free(r);
	return 0;
}
