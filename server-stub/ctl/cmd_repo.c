/* cmd_repo.c — `repo init`, `add`, `remove`, `refresh`, `rotate`, `verify`: the authoring side of TUF, on a directory. Nothing here
 * talks to a server. Test forgeries are not made here: what does not verify is not written. */
#include "server-stub/ctl/cmd_repo.h"

#include <stdlib.h>
#include <string.h>

#include "proto/assignment.h"
#include "proto/fileio.h"
#include "server-stub/ctl/depot_check.h"

/* ---- shared ---- */

int work_begin(struct ctl *c, const char *dir, struct work *w, struct fault *f)
{
	char *passphrase = NULL;

	*w = (struct work){ .ctl = c };
	int rc = depot_open(dir, &w->depot, f);
	if (rc)
		return rc;
	const char *keys = c->config.keys ? c->config.keys : depot_keys(w->depot);
	if (!keys)
		return fault_set(f, KE_USAGE, dir, "name the directory with --keys",
		        "nothing says where the signing keys are");
	rc = passphrase_read(c->config.keys_passphrase_file, &passphrase, f);
	if (!rc)
		rc = keyring_load(keys, passphrase, &w->keys, f);
	passphrase_free(passphrase);
	return rc;
}

int work_write(struct work *w, struct jsonw *json, struct fault *f)
{
	bool dry = args_has(&w->ctl->args, "dry-run");
	struct release_files files = { 0 };
	int rc = depot_write(w->depot, &w->keys, clock_wall(w->ctl->clock), dry, &files, f);

	if (rc)
		return rc;
	if (json) {
		jsonw_bool(json, "dry_run", dry);
		jsonw_array(json, "written");
		for (size_t i = 0; i < files.n; i++)
			jsonw_string(json, NULL, files.list[i].name);
		jsonw_array_end(json);
	} else {
		for (size_t i = 0; i < files.n; i++)
			buf_fmt(&w->ctl->out, "%s metadata/%s\n", dry ? "would sign" : "signed",
			        files.list[i].name);
	}
	release_files_free(&files);
	return KE_OK;
}

void work_end(struct work *w)
{
	keyring_clear(&w->keys);
	depot_close(w->depot);
	*w = (struct work){ 0 };
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
	/* A threshold alone says how many keys there have to be at least. */
	if (!args_has(&c->args, "root-keys"))
		plan->n_keys[TUF_ROOT] = plan->threshold[TUF_ROOT];
	if (!args_has(&c->args, "targets-keys"))
		plan->n_keys[TUF_TARGETS] = plan->threshold[TUF_TARGETS];
	while (!rc && (text = args_next(&c->args, "expires", &at)))
		rc = expires_option(text, plan, f);
	if (!rc && (text = args_value(&c->args, "shard-above"))) {
		int64_t n = 0;
		rc = args_int(text, 1, 1000000, &n, f);
		plan->shard_above = (unsigned)n;
	}
	return rc;
}

int ctl_repo_init(struct ctl *c)
{
	const char *dir = c->args.words[0];
	struct depot_plan plan;
	struct fault f = { 0 };
	char *passphrase = NULL;
	int rc = init_plan(c, &plan, &f);

	if (!rc)
		rc = passphrase_read(c->config.keys_passphrase_file, &passphrase, &f);
	plan.passphrase = passphrase;
	if (!rc)
		rc = depot_init(dir, &plan, clock_wall(c->clock), &f);
	passphrase_free(passphrase);
	if (rc)
		return ctl_complain(c, &f);
	if (!plan.passphrase)
		ctl_warn(c,
		        "warning: the signing keys in %s are not encrypted; whoever copies them can sign "
		        "(--passphrase-file FILE)",
		        plan.keys);
	if (c->json) {
		struct jsonw w = ctl_json(c, "kedge_repo");
		jsonw_string(&w, "dir", dir);
		jsonw_string(&w, "keys", plan.keys);
		jsonw_bool(&w, "encrypted", passphrase != NULL);
		ctl_json_end(c, &w);
	} else {
		buf_fmt(&c->out,
		        "repository %s: version 1 of all roles, signing keys in %s\n"
		        "hosts start from %s/metadata/1.root.json\n",
		        dir, plan.keys, dir);
	}
	return CTL_DONE;
}

/* ---- add, refresh, rotate ---- */

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

	return role ? depot_renew(w->depot, role, f) : depot_touch(w->depot, "snapshot", f);
}

int ctl_repo_refresh(struct ctl *c)
{
	return work_author(c, "kedge_repo", change_refresh);
}

static int retire_all(struct keyring *k, const struct buf *old, struct fault *f)
{
	int rc = KE_OK;

	for (const char *p = buf_text(old); *p && !rc;) {
		char id[KEYID_ROOM] = "";
		size_t n = strcspn(p, "\n");
		if (n < sizeof id)
			memcpy(id, p, n);
		rc = keyring_retire(k, id, f);
		p += n + (p[n] == '\n');
	}
	return rc;
}

int ctl_repo_rotate(struct ctl *c)
{
	struct work w = { 0 };
	struct fault f = { 0 };
	struct buf old = BUF_INIT(65536);
	struct jsonw json = { 0 };
	/* New keys are made and kept before anything names them: -n cannot show that without doing it. */
	int rc = work_begin(c, c->args.words[0], &w, &f);

	if (!rc)
		rc = depot_rotate(w.depot, c->args.words[1], &w.keys, &old, &f);
	if (!rc && c->json)
		json = ctl_json(c, "kedge_repo");
	if (!rc)
		rc = work_write(&w, c->json ? &json : NULL, &f);
	if (!rc && c->json)
		ctl_json_end(c, &json);
	if (!rc)
		rc = retire_all(&w.keys, &old, &f);
	buf_free(&old);
	work_end(&w);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
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
