/* cmd_policy.c — `policy import`, `export`, `publish`: between sysctl.conf, the policy document, and its place in the
 * repository. Import accounts for every line; publish refuses a version that exists, because hosts already hold it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fileio.h"
#include "server-stub/ctl/cmd_repo.h"
#include "server-stub/ctl/policy_file.h"

/* ---- import ---- */

/* What is wrong with which line, on standard error. Notes are left to --format json. */
static void issues_tell(const struct ctl *c, const struct policy_file *p)
{
	for (size_t i = 0; i < p->conf->n_issues; i++) {
		const struct conf_issue *is = &p->conf->issues[i];
		if (is->severity == CONF_NOTE)
			continue;
		ctl_warn(c, "%s:%u: %s: %s%s%s%s%s", p->path, is->line, conf_severity_text(is->severity),
		        is->key ? is->key : "", is->key ? ": " : "", is->text, is->todo ? "; " : "",
		        is->todo ? is->todo : "");
	}
}

/* Lines whose key nobody knows are in the policy, though the import calls them errors. */
static void unknown_drop(struct policy *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct setting *s = &p->settings[i];
		if (s->knob || knowledge_exists(&s->name)) {
			p->settings[n++] = *s;
			continue;
		}
		setting_clear(s);
	}
	p->n = n;
}

static int import_check(const struct ctl *c, const struct policy_file *p, struct fault *f)
{
	if (!p->conf)
		return fault_set(f, KE_USAGE, p->path, NULL, "is a policy document already");
	if (p->errors && !args_has(&c->args, "skip-errors"))
		return fault_set(f, KE_VALUE, p->path, "correct them, or leave them out with --skip-errors",
		        "%u lines cannot be used", p->errors);
	if (!p->policy->n)
		return fault_set(f, KE_VALUE, p->path, NULL, "no line of it can be used");
	return KE_OK;
}

/* The document to --output or as the answer. */
static int import_write(struct ctl *c, const struct policy_file *p, struct fault *f)
{
	const char *output = args_value(&c->args, "output");
	char *text;
	size_t len;
	int rc = policy_print(p->policy, &text, &len);

	if (rc)
		return fault_set(f, rc, p->path, NULL, "%s", "");
	if (output)
		rc = file_replace(output, text, len, 0644, FILE_VOLATILE, f);
	if (!rc && c->json) {
		struct jsonw w = ctl_json(c, "kedge_import");
		conf_issues_json(p->conf, &w);
		jsonw_opt_string(&w, "output", output);
		jsonw_raw(&w, "policy", text, len - 1);
		ctl_json_end(c, &w);
	} else if (!rc && !output) {
		buf_bytes(&c->out, text, len);
	}
	free(text);
	return rc;
}

int ctl_policy_import(struct ctl *c)
{
	const char *version = args_value(&c->args, "policy-version");
	struct policy_file p;
	struct fault f = { 0 };
	int rc = policy_file_read(c->args.words[0], args_value(&c->args, "name"), &p, &f);

	if (!rc && p.conf)
		issues_tell(c, &p);
	if (!rc && args_has(&c->args, "skip-errors"))
		unknown_drop(p.policy);
	if (!rc)
		rc = import_check(c, &p, &f);
	if (!rc)
		p.policy->version = 1;
	if (!rc && version)
		rc = args_int(version, 1, STRICT_INT_MAX, &p.policy->version, &f);
	if (!rc)
		rc = import_write(c, &p, &f);
	policy_file_clear(&p);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

/* ---- export ---- */

/* Remarks become comment lines; sysctl.d has no comments behind values. */
static void remark(struct buf *out, const char *text)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		buf_fmt(out, "# %.*s\n", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

/* Would sysctl.d take the exception E of S from another pattern of P, too? */
static bool is_shared(const struct policy *p, const struct setting *s, const struct name *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct setting *t = &p->settings[i];
		if (t != s && name_is_pattern(&t->name) && setting_covers(t, e))
			return true;
	}
	return false;
}

/* sysctl.d writes values, whatever is there, and excludes whole keys from every pattern. */
static const char *inexpressible(const struct policy *p, const struct setting *s)
{
	if (s->bound != BOUND_NONE)
		return "it cannot write 'at least' or 'at most'";
	for (size_t i = 0; i < s->n_except; i++) {
		if (name_is_pattern(&s->except[i]))
			return "it cannot exclude keys by a '*'";
		if (is_shared(p, s, &s->except[i]))
			return "it cannot exclude a key from one pattern and not from another";
	}
	return NULL;
}

/* A '*' of sysctl.d stands for "all" and "default" as well, which ours does not mean. */
static void export_broad(struct buf *out, const struct setting *s)
{
	static const char *const broad[] = { "all", "default" };
	char dotted[NAME_MAX_LEN + 1];

	for (size_t i = 0; i < sizeof broad / sizeof broad[0]; i++) {
		struct buf path = BUF_INIT(2 * NAME_MAX_LEN);
		struct name n;
		const char *seg;
		size_t len;
		for (unsigned at = 0; name_segment(&s->name, at, &seg, &len); at++) {
			buf_str(&path, at ? "/" : "");
			if (len == 1 && *seg == '*')
				buf_str(&path, broad[i]);
			else
				buf_bytes(&path, seg, len);
		}
		if (!path.rc && !name_parse(buf_text(&path), path.len, &n, NULL) &&
		        !name_covers(&s->name, &n))
			buf_fmt(out, "-%s\n", name_dotted(&n, dotted, sizeof dotted));
		buf_free(&path);
	}
}

/* In front of all settings: there a key's own line, which follows, counts more. */
static void export_exceptions(struct buf *out, const struct policy *p)
{
	char dotted[NAME_MAX_LEN + 1];

	for (size_t k = 0; k < p->n; k++) {
		const struct setting *s = &p->settings[k];
		if (!name_is_pattern(&s->name) || s->mode == SETTING_AUDIT || inexpressible(p, s))
			continue;
		export_broad(out, s);
		for (size_t i = 0; i < s->n_except; i++)
			buf_fmt(out, "-%s\n", name_dotted(&s->except[i], dotted, sizeof dotted));
	}
}

static void export_setting(struct buf *out, const struct policy *p, const struct setting *s)
{
	char dotted[NAME_MAX_LEN + 1];
	const char *why_not = inexpressible(p, s);

	name_dotted(&s->name, dotted, sizeof dotted);
	if (s->why)
		remark(out, s->why);
	if (why_not)
		buf_fmt(out, "# left out, %s: %s = %s%s\n", why_not, dotted, bound_sign(s->bound), s->value);
	else if (s->mode == SETTING_AUDIT)
		buf_fmt(out, "# only watched, never written: %s = %s\n", dotted, s->value);
	else
		buf_fmt(out, "%s%s = %s\n", s->optional ? "-" : "", dotted, s->value);
}

/* A file that says less than the policy is written only on demand. */
static int export_check(const struct ctl *c, const struct policy_file *p, struct fault *f)
{
	char dotted[NAME_MAX_LEN + 1];

	for (size_t i = 0; i < p->policy->n; i++) {
		const struct setting *s = &p->policy->settings[i];
		const char *why_not = inexpressible(p->policy, s);
		if (!why_not)
			continue;
		name_dotted(&s->name, dotted, sizeof dotted);
		if (!args_has(&c->args, "skip-errors"))
			return fault_set(f, KE_UNSUPPORTED, dotted,
			        "give plain values, or leave such settings out with --skip-errors",
			        "sysctl.d cannot hold this setting: %s", why_not);
		ctl_warn(c, "warning: %s is left out of the sysctl.d text: %s", dotted, why_not);
	}
	return KE_OK;
}

int ctl_policy_export(struct ctl *c)
{
	const char *output = args_value(&c->args, "output");
	struct buf text = BUF_INIT(CTL_OUTPUT_MAX);
	struct policy_file p;
	struct fault f = { 0 };
	int rc = policy_file_read(c->args.words[0], NULL, &p, &f);

	if (!rc)
		rc = export_check(c, &p, &f);
	if (!rc) {
		buf_fmt(&text, "# policy %s version %" PRId64 ", exported by kedge; see sysctl.d(5)\n",
		        p.policy->name, p.policy->version);
		if (p.policy->description)
			remark(&text, p.policy->description);
		export_exceptions(&text, p.policy);
		for (size_t i = 0; i < p.policy->n; i++)
			export_setting(&text, p.policy, &p.policy->settings[i]);
		rc = text.rc ? fault_set(&f, text.rc, p.path, NULL, "%s", "") : KE_OK;
	}
	if (!rc && output)
		rc = file_replace(output, text.data, text.len, 0644, FILE_VOLATILE, &f);
	else if (!rc)
		buf_bytes(&c->out, text.data, text.len);
	buf_free(&text);
	policy_file_clear(&p);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}

/* ---- publish ---- */

static int publish_check(const struct policy_file *p, struct fault *f)
{
	if (p->conf)
		return fault_set(f, KE_USAGE, p->path, "make a policy of it with kedge policy import",
		        "is no policy document");
	if (p->policy->version < 1)
		return fault_set(f, KE_RANGE, p->path, NULL, "a published policy has a version of 1 or more");
	return KE_OK;
}

static int publish_put(struct work *w, const struct policy_file *p, char *path, size_t size, struct fault *f)
{
	const struct tuf_target *present;

	snprintf(path, size, "policies/%s/%" PRId64 ".json", p->policy->name, p->policy->version);
	if (depot_find(w->depot, path, NULL, &present) == KE_OK)
		return fault_set(f, KE_EXIST, path, "raise the document's version",
		        "this version is signed already, and hosts may hold it");
	return depot_put(w->depot, args_value(&w->ctl->args, "role"), path, p->text, p->len, f);
}

static void unknown_keys(const struct ctl *c, const struct policy *p)
{
	char dotted[NAME_MAX_LEN + 1];

	for (size_t i = 0; i < p->n; i++)
		if (!p->settings[i].knob && !knowledge_exists(&p->settings[i].name))
			ctl_warn(c, "warning: %s: not a key that is known; hosts without it will say so",
			        name_dotted(&p->settings[i].name, dotted, sizeof dotted));
}

int ctl_policy_publish(struct ctl *c)
{
	char path[POLICY_NAME_MAX + 48];
	struct policy_file p;
	struct work w = { 0 };
	struct fault f = { 0 };
	struct jsonw json = { 0 };
	int rc = policy_file_read(c->args.words[1], NULL, &p, &f);

	if (!rc)
		rc = publish_check(&p, &f);
	if (!rc)
		rc = work_begin(c, c->args.words[0], &w, &f);
	if (!rc)
		rc = publish_put(&w, &p, path, sizeof path, &f);
	if (!rc) {
		unknown_keys(c, p.policy);
		if (c->json) {
			json = ctl_json(c, "kedge_repo");
			jsonw_string(&json, "target", path);
		} else {
			buf_fmt(&c->out, "added %s\n", path);
		}
		rc = work_write(&w, c->json ? &json : NULL, &f);
	}
	if (!rc && c->json)
		ctl_json_end(c, &json);
	work_end(&w);
	if (!rc && !w.pending && args_has(&c->args, "publish") &&
	        !(rc = repo_send(c, c->args.words[0], NULL, &f)) && !c->json)
		buf_str(&c->out, args_has(&c->args, "dry-run") ? "" : "published\n");
	policy_file_clear(&p);
	return rc ? ctl_complain(c, &f) : CTL_DONE;
}
