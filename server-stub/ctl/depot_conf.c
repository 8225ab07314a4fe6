/* depot_conf.c — repo.conf: what `repo init` was told and later commands want to know again. Not signed and not
 * published: it decides only where keys are looked for and how long new versions live. Called by depot.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fileio.h"
#include "proto/ini.h"
#include "server-stub/ctl/args.h"
#include "server-stub/ctl/depot_in.h"

static int each(void *ctx, const struct ini_line *at, struct fault *f)
{
	struct depot_conf *c = ctx;

	if (strcmp(at->section, "keys") == 0 && strcmp(at->name, "dir") == 0) {
		free(c->keys);
		c->keys = strdup(at->value);
		return c->keys ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	}
	if (strcmp(at->section, "roles") == 0 && strcmp(at->name, "shard_above") == 0) {
		int64_t n = 0;
		int rc = args_int(at->value, 1, 1000000, &n, f);
		c->shard_above = (unsigned)n;
		return rc;
	}
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (strcmp(at->section, "lifetime") == 0 && strcmp(at->name, tuf_top_names[i]) == 0)
			return args_duration(at->value, &c->lifetime[i], f);
	return ini_unknown(at, f);
}

int depot_conf_read(const char *dir, struct depot_conf *ret, struct fault *f)
{
	char *path = depot_path(dir, "repo.conf");

	*ret = (struct depot_conf){ 0 };
	memcpy(ret->lifetime, depot_plan_default.lifetime, sizeof ret->lifetime);
	ret->shard_above = depot_plan_default.shard_above;
	int rc = path ? ini_read(path, each, ret, f) : fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	free(path);
	/* Made by another tool: the defaults hold. */
	return rc == KE_NOENT ? KE_OK : rc;
}

int depot_conf_write(const char *dir, const struct depot_conf *conf, struct fault *f)
{
	struct buf text = BUF_INIT(INI_MAX_BYTES);
	char *path = depot_path(dir, "repo.conf");
	int rc = path ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");

	buf_str(&text, "# Made by kedge repo init. Where the signing keys are; at how many targets a "
	               "delegated role is "
	               "split;\n# how long new versions of roles live.\n");
	if (conf->keys)
		buf_fmt(&text, "[keys]\ndir = %s\n", conf->keys);
	buf_fmt(&text, "[roles]\nshard_above = %u\n[lifetime]\n", conf->shard_above);
	for (int i = 0; i < TUF_TOP_COUNT; i++)
		if (conf->lifetime[i] % 86400 == 0)
			buf_fmt(&text, "%s = %lldd\n", tuf_top_names[i],
			        (long long)conf->lifetime[i] / 86400);
		else
			buf_fmt(&text, "%s = %llds\n", tuf_top_names[i], (long long)conf->lifetime[i]);
	if (!rc)
		rc = text.rc ? text.rc : file_replace(path, text.data, text.len, 0644, FILE_DURABLE, f);
	buf_free(&text);
	free(path);
	return rc;
}

void depot_conf_clear(struct depot_conf *c)
{
	free(c->keys);
	*c = (struct depot_conf){ 0 };
}
