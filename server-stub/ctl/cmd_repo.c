/* cmd_repo.c — `repo init`, `add`, `remove`, `refresh`, `verify`, and what all commands that sign share: the authoring side of TUF, on a directory. Nothing here
 * talks to a server. Test forgeries are not made here: what does not verify is not written. */
#include "server-stub/ctl/cmd_repo.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "proto/assignment.h"
#include "proto/fileio.h"
#include "server-stub/ctl/depot_check.h"
#include "server-stub/ctl/pubfile.h"
#include "server-stub/ctl/tell_sign.h"

/* ---- shared ---- */

/* Does the published root, or do the published targets, name the key ID? */
static bool named(const struct work *w, const char *id)
{
	const struct release *r = depot_release(w->depot);
	const cJSON *root = release_published(r, "root");
	const cJSON *targets =
	        cJSON_GetObjectItemCaseSensitive(release_published(r, "targets"), "delegations");

	root = cJSON_GetObjectItemCaseSensitive(root, "keys");
	targets = cJSON_GetObjectItemCaseSensitive(targets, "keys");
	return cJSON_GetObjectItemCaseSensitive(root, id) || cJSON_GetObjectItemCaseSensitive(targets, id);
}

int work_keys(struct work *w, const char *dir, struct fault *f)
{
	const struct ctl_config *config = &w->ctl->config;
	const char *keys = config->keys ? config->keys : depot_keys(w->depot);
	char *passphrase = NULL;

	if (!keys)
		return fault_set(f, KE_USAGE, dir, "name the directory with --keys",
		        "nothing says where the signing keys are");
	int rc = passphrase_read(config->keys_passphrase_file, &passphrase, f);
	if (!rc)
		rc = keyring_load(keys, passphrase, &w->keys, f);
	passphrase_free(passphrase);
	for (size_t i = 0; !rc && i < w->keys.n; i++)
		w->named[i] = named(w, signkey_id(w->keys.keys[i]));
	return rc;
}

int work_begin(struct ctl *c, const char *dir, struct work *w, struct fault *f)
{
	*w = (struct work){ .ctl = c };
	int rc = depot_open(dir, &w->depot, f);

	return rc ? rc : work_keys(w, dir, f);
}

static bool at_hand(const struct keyring *k, const struct release_pending *p)
{
	for (size_t i = 0; i < p->n_may; i++)
		if (keyring_find(k, p->may[i]))
			return true;
	return false;
}

/* For every role of PLAN there is a key that may sign it. */
static int check_strict(const struct work *w, const struct release_pendings *plan, struct fault *f)
{
	for (size_t i = 0; i < plan->n; i++)
		if (!plan->list[i].ready && !at_hand(&w->keys, &plan->list[i]))
			return fault_set(f, KE_SIGNATURE, plan->list[i].role,
			        "name their directory with --keys", "none of the keys in %s may sign it",
			        w->keys.dir);
	return KE_OK;
}

/* Keys that were named when the depot was opened, and are not any more. */
static int retire(struct work *w, struct fault *f)
{
	int rc = KE_OK;

	for (size_t i = 0; i < w->keys.n && !rc; i++)
		if (w->named[i] && !named(w, signkey_id(w->keys.keys[i])))
			rc = keyring_retire(&w->keys, signkey_id(w->keys.keys[i]), f);
	return rc;
}

static void written_tell(struct work *w, const struct release_files *files, bool dry, struct jsonw *json)
{
	if (json) {
		jsonw_bool(json, "dry_run", dry);
		jsonw_array(json, "written");
		for (size_t i = 0; i < files->n; i++)
			jsonw_string(json, NULL, files->list[i].name);
		jsonw_array_end(json);
		return;
	}
	for (size_t i = 0; i < files->n; i++)
		buf_fmt(&w->ctl->out, "%s metadata/%s\n", dry ? "would sign" : "signed", files->list[i].name);
}

int work_write(struct work *w, struct jsonw *json, struct fault *f)
{
	bool dry = args_has(&w->ctl->args, "dry-run");
	int64_t now = clock_wall(w->ctl->clock);
	struct release_files files = { 0 };
	struct release_pendings plan = { 0 }, pending = { 0 };
	int rc = depot_preview(w->depot, now, &plan, f);

	if (!rc && w->strict)
		rc = check_strict(w, &plan, f);
	if (!rc)
		rc = tell_signing(w->ctl, depot_release(w->depot), &plan, json, f);
	if (!rc)
		rc = depot_sign(w->depot, &w->keys, now, dry, &files, &pending, f);
	if (!rc) {
		written_tell(w, &files, dry, json);
		tell_pending(w->ctl, w->ctl->args.words[0], &pending, json);
		w->pending = pending.n > 0;
	}
	if (!rc && !dry && files.n)
		rc = retire(w, f);
	release_files_free(&files);
	release_pendings_free(&pending);
	release_pendings_free(&plan);
	return rc;
}

void work_end(struct work *w)
{
	bool pending = w->pending;

	keyring_clear(&w->keys);
	depot_close(w->depot);
	*w = (struct work){ .pending = pending };
}

/* Open, change by CHANGE, write, answer. */
int work_author(struct ctl *c, const char *name, int (*change)(struct work *w, struct fault *f))
{
	struct work w = { 0 };
	struct fault f = { 0 };
	struct jsonw json = { 0 };
	int rc = work_begin(c, c->args.words[0], &w, &f);

	if (!rc)
		rc = change(&w, &f);
	if (!rc && c->json)
		json = ctl_json(c, name);
	if (!rc)
		rc = work_write(&w, c->json ? &json : NULL, &f);
	if (!rc && c->json)
		ctl_json_end(c, &json);
	work_end(&w);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

/* ---- init ---- */

static int count_option(const struct ctl *c, const char *name, unsigned *ret, struct fault *f)
{
	const char *text = args_value(&c->args, name);
	int64_t n;
	int rc = text ? args_int(text, 1, 16, &n, f) : KE_OK;

	if (rc)
		fault_at(f, "--%s", name);
	else if (text)
		*ret = (unsigned)n;
	return rc;
}

/* "timestamp=7d" */
static int expires_option(const char *text, struct depot_plan *plan, struct fault *f)
{
	const char *equal = strchr(text, '=');

	for (int i = 0; equal && i < TUF_TOP_COUNT; i++)
		if (strlen(tuf_top_names[i]) == (size_t)(equal - text) &&
		        !strncmp(text, tuf_top_names[i], (size_t)(equal - text)))
			return args_duration(equal + 1, &plan->lifetime[i], f);
	return fault_set(f, KE_USAGE, "--expires", "write ROLE=TIME, such as timestamp=7d",
	        "'%.80s' names no role", text);
}

/* Keys of other people, from --root-key and --targets-key. They belong to the caller, who frees them. */
struct imports {
	struct depot_import list[2 * IMPORTS_MAX];
	cJSON *keys[2 * IMPORTS_MAX];
	size_t n;
};

static void imports_free(struct imports *im)
{
	for (size_t i = 0; i < im->n; i++)
		cJSON_Delete(im->keys[i]);
}

static int imports_read(
        const struct ctl *c, const char *option, enum tuf_top role, struct imports *im, struct fault *f)
{
	const char *file;
	size_t at = 0;
	int rc = KE_OK;

	while (!rc && (file = args_next(&c->args, option, &at))) {
		if (im->n == 2 * IMPORTS_MAX)
			return fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d keys", 2 * IMPORTS_MAX);
		rc = pubfile_read(file, &im->keys[im->n], f);
		if (rc)
			return rc;
		im->list[im->n] = (struct depot_import){ role, im->keys[im->n] };
		im->n++;
	}
	return rc;
}

/* How many keys of ROLE are made: as many as --ROLE-keys says; none when others are named; else what the threshold needs. */
static void count_made(const struct ctl *c, const char *count, const char *import, enum tuf_top role,
        struct depot_plan *plan)
{
	if (args_has(&c->args, count))
		return;
	plan->n_keys[role] = args_has(&c->args, import) ? 0 : plan->threshold[role];
}

static int init_plan(const struct ctl *c, struct depot_plan *plan, struct fault *f)
{
	const char *text;
	size_t at = 0;
	int rc;

	*plan = depot_plan_default;
	plan->keys = c->config.keys;
	if (!plan->keys)
		return fault_set(f, KE_USAGE, NULL, "keep it away from the server",
		        "--keys DIR is wanted: where to put the signing keys");
	if ((rc = count_option(c, "root-keys", &plan->n_keys[TUF_ROOT], f)) ||
	        (rc = count_option(c, "threshold-root", &plan->threshold[TUF_ROOT], f)) ||
	        (rc = count_option(c, "targets-keys", &plan->n_keys[TUF_TARGETS], f)) ||
	        (rc = count_option(c, "targets-threshold", &plan->threshold[TUF_TARGETS], f)))
		return rc;
	count_made(c, "root-keys", "root-key", TUF_ROOT, plan);
	count_made(c, "targets-keys", "targets-key", TUF_TARGETS, plan);
	while (!rc && (text = args_next(&c->args, "expires", &at)))
		rc = expires_option(text, plan, f);
	if (!rc && (text = args_value(&c->args, "shard-above"))) {
		int64_t n = 0;
		rc = args_int(text, 1, 1000000, &n, f);
		plan->shard_above = (unsigned)n;
	}
	return rc;
}

/* What version 1 waits for, if anything. */
static int init_tell(struct ctl *c, const char *dir, struct jsonw *json, struct fault *f)
{
	struct release_pendings plan = { 0 };
	struct depot *d = NULL;
	int rc = depot_resume(dir, clock_wall(c->clock), &d, f);

	if (!rc && depot_waits(d))
		rc = depot_preview(d, clock_wall(c->clock), &plan, f);
	if (!rc && plan.n && !json)
		buf_fmt(&c->out,
		        "repository %s: version 1 is pending, until those who have the other keys sign it\n",
		        dir);
	else if (!rc && !json)
		buf_fmt(&c->out,
		        "repository %s: version 1 of all roles, signing keys in %s\n"
		        "hosts start from %s/metadata/1.root.json\n",
		        dir, depot_keys(d), dir);
	if (!rc)
		tell_pending(c, dir, &plan, json);
	release_pendings_free(&plan);
	depot_close(d);
	return rc;
}

static int init_run(struct ctl *c, const char *dir, struct depot_plan *plan, struct fault *f)
{
	char *passphrase = NULL;
	int rc = passphrase_read(c->config.keys_passphrase_file, &passphrase, f);

	plan->passphrase = passphrase;
	if (!rc)
		rc = depot_init(dir, plan, clock_wall(c->clock), f);
	passphrase_free(passphrase);
	if (!rc && !passphrase)
		ctl_warn(c,
		        "warning: the signing keys in %s are not encrypted; whoever copies them can sign "
		        "(--passphrase-file FILE)",
		        plan->keys);
	return rc;
}

/* Version 1 as it would be; its new keys are others each time. */
static int init_dry(
        struct ctl *c, const char *dir, struct depot_plan *plan, struct jsonw *json, struct fault *f)
{
	struct release_pendings list = { 0 };
	struct depot *d = NULL;
	char *passphrase = NULL;
	int64_t now = clock_wall(c->clock);
	int rc = passphrase_read(c->config.keys_passphrase_file, &passphrase, f);

	plan->passphrase = passphrase;
	if (!rc)
		rc = depot_imagine(dir, plan, &d, f);
	if (!rc)
		rc = depot_preview(d, now, &list, f);
	if (!rc && json)
		jsonw_bool(json, "dry_run", true);
	if (!rc)
		rc = tell_signing(c, depot_release(d), &list, json, f);
	if (!rc && !json)
		buf_fmt(&c->out, "would make the repository %s, and keys in %s\n", dir, plan->keys);
	passphrase_free(passphrase);
	release_pendings_free(&list);
	depot_close(d);
	return rc;
}

int ctl_repo_init(struct ctl *c)
{
	const char *dir = c->args.words[0];
	struct imports im = { 0 };
	struct depot_plan plan;
	struct jsonw w;
	struct fault f = { 0 };
	int rc = init_plan(c, &plan, &f);

	if (!rc)
		rc = imports_read(c, "root-key", TUF_ROOT, &im, &f);
	if (!rc)
		rc = imports_read(c, "targets-key", TUF_TARGETS, &im, &f);
	plan.imports = im.list;
	plan.n_imports = im.n;
	bool dry = args_has(&c->args, "dry-run");
	if (!rc && !dry)
		rc = init_run(c, dir, &plan, &f);
	if (!rc && c->json) {
		w = ctl_json(c, "kedge_repo");
		jsonw_string(&w, "dir", dir);
		jsonw_string(&w, "keys", plan.keys);
		jsonw_bool(&w, "encrypted", c->config.keys_passphrase_file != NULL);
	}
	if (!rc)
		rc = dry ? init_dry(c, dir, &plan, c->json ? &w : NULL, &f)
		         : init_tell(c, dir, c->json ? &w : NULL, &f);
	if (!rc && c->json)
		ctl_json_end(c, &w);
	imports_free(&im);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

/* ---- add, refresh ---- */

static int change_add(struct work *w, struct fault *f)
{
	const struct args *a = &w->ctl->args;
	char *data;
	size_t len;
	int rc = file_read(a->words[2], DEPOT_TARGET_MAX, &data, &len, f);

	if (rc)
		return rc;
	rc = depot_put(w->depot, args_value(a, "role"), a->words[1], data, len, f);
	file_free(data);
	return rc;
}

int ctl_repo_add(struct ctl *c)
{
	return work_author(c, "kedge_repo", change_add);
}

static int change_remove(struct work *w, struct fault *f)
{
	const char *path = w->ctl->args.words[1];
	char policy[65];
	int64_t serial;
	int rc = depot_drop(w->depot, path, f);

	if (!rc && target_path_split("rollouts", path, policy, &serial) == KE_OK)
		ctl_warn(w->ctl,
		        "warning: hosts that adopted serial %lld keep it, and take nothing at or below it; "
		        "to take the "
		        "policy off, sign its removal (kedge rollout start DIR %s --remove)",
		        (long long)serial, policy);
	return rc;
}

int ctl_repo_remove(struct ctl *c)
{
	return work_author(c, "kedge_repo", change_remove);
}

static int change_refresh(struct work *w, struct fault *f)
{
	const char *role = args_value(&w->ctl->args, "role");

	w->strict = true;
	return role ? depot_renew(w->depot, role, f) : depot_touch(w->depot, "snapshot", f);
}

int ctl_repo_refresh(struct ctl *c)
{
	return work_author(c, "kedge_repo", change_refresh);
}

/* ---- verify ---- */

static void verify_json(struct ctl *c, const struct depot_check *k)
{
	struct jsonw w = ctl_json(c, "kedge_verify");

	jsonw_bool(&w, "ok", true);
	jsonw_object(&w, "roles");
	for (int i = 0; i < TUF_TOP_COUNT; i++) {
		jsonw_object(&w, tuf_top_names[i]);
		jsonw_int(&w, "version", k->version[i]);
		jsonw_time(&w, "expires", k->expires[i]);
		jsonw_object_end(&w);
	}
	jsonw_object_end(&w);
	jsonw_int(&w, "delegated", (int64_t)k->n_roles);
	jsonw_int(&w, "targets", (int64_t)k->n_targets);
	jsonw_array(&w, "unlisted");
	for (size_t i = 0; i < k->n_strays; i++)
		jsonw_string(&w, NULL, k->strays[i]);
	jsonw_array_end(&w);
	ctl_json_end(c, &w);
}

static void verify_text(struct ctl *c, const struct depot_check *k)
{
	char time[TIME_TEXT_ROOM];

	for (int i = 0; i < TUF_TOP_COUNT; i++)
		buf_fmt(&c->out, "%-9s version %lld, expires %s\n", tuf_top_names[i],
		        (long long)k->version[i], time_format(k->expires[i], time));
	buf_fmt(&c->out, "delegated %zu roles, verified by whoever delegates to them\n", k->n_roles);
	buf_fmt(&c->out, "targets   %zu listed, all there and as signed\n", k->n_targets);
	for (size_t i = 0; i < k->n_strays; i++)
		buf_fmt(&c->out, "unlisted  %s\n", k->strays[i]);
}

int ctl_repo_verify(struct ctl *c)
{
	struct depot_check k;
	struct fault f = { 0 };
	int rc = depot_check(c->args.words[0], clock_wall(c->clock), &k, &f);

	if (!rc && c->json)
		verify_json(c, &k);
	else if (!rc)
		verify_text(c, &k);
	depot_check_clear(&k);
	c->judged = rc != 0;
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
