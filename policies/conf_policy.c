/* conf_policy.c — the lines of a sysctl.conf as a policy.
 *
 * The last line of a key wins, and a '*' means what it means to sysctl(8) and systemd-sysctl: whoever imports a file gets
 * the values that those would have written. Values and keys that a policy cannot have become issues of their line. Called
 * by the import of both sides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/sysctl_conf_in.h"

/* VALUE with full-width characters (U+FF01..U+FF5E) as ASCII into BUF; false when it has none or does not fit. */
static bool narrow(const char *value, char *buf, size_t size)
{
	size_t n = 0;
	bool any = false;
	for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
		unsigned char c = *p;
		if (c == 0xef && (p[1] == 0xbc || p[1] == 0xbd) && p[2]) {
			c = (unsigned char)(p[1] == 0xbc ? p[2] - 0x80 + 0x20 : p[2] - 0x80 + 0x60);
			p += 2;
			any = true;
		}
		if (n + 1 >= size)
			return false;
		buf[n++] = (char)c;
	}
	buf[n] = '\0';
	return any;
}

static int refused_issue(struct conf *c, const struct conf_line *l, const struct fault *f)
{
	char key[NAME_MAX_LEN + 1], ascii[64], todo[sizeof f->todo + 32];
	snprintf(todo, sizeof todo, "%s", f->todo);
	if (narrow(l->value, ascii, sizeof ascii))
		snprintf(todo, sizeof todo, "write it with ASCII digits: %s", ascii);
	return conf_issue_add(c, l->line, CONF_ERROR, f->code, name_dotted(&l->name, key, sizeof key),
	        todo[0] ? todo : NULL, "%s", f->what);
}

static int unknown_issue(struct conf *c, const struct conf_line *l)
{
	char key[NAME_MAX_LEN + 1], near[NAME_MAX_LEN + 1], todo[NAME_MAX_LEN + 32];
	const struct knob *k = knowledge_exists(&l->name) ? NULL : knowledge_nearest(&l->name);
	struct name n = { 0 };
	if (k) {
		memcpy(n.path, k->path, sizeof k->path);
		snprintf(todo, sizeof todo, "did you mean %s?", name_dotted(&n, near, sizeof near));
	}
	return conf_issue_add(c, l->line, k ? CONF_ERROR : CONF_NOTE, KE_UNKNOWN,
	        name_dotted(&l->name, key, sizeof key), k ? todo : NULL, "%s",
	        k ? "there is no such key"
	          : "kedge knows nothing about this key; its value is taken as text");
}

static bool overridden(const struct conf *c, size_t i)
{
	for (size_t j = i + 1; j < c->n_lines; j++)
		if (name_cmp(&c->lines[i].name, &c->lines[j].name) == 0)
			return true;
	for (size_t j = 0; j < c->n_exclusions; j++)
		if (c->exclusions[j].line > c->lines[i].line &&
		        name_cmp(&c->lines[i].name, &c->exclusions[j].name) == 0)
			return true;
	return false;
}

/* The exclusion E as an exception of every pattern in P that means its key. */
static int exclusion_apply(struct conf *c, const struct conf_exclusion *e, struct policy *p)
{
	char key[NAME_MAX_LEN + 1];
	bool used = false;
	name_dotted(&e->name, key, sizeof key);
	for (size_t i = 0; i < p->n; i++) {
		struct setting *s = &p->settings[i];
		struct fault f = { 0 };
		if (!name_is_pattern(&s->name) || !name_match(&s->name, &e->name))
			continue;
		int rc = setting_except(s, &e->name, &f);
		used = true;
		if (rc == KE_NOMEM)
			return rc;
		if (rc && rc != KE_DUPLICATE &&
		        (rc = conf_issue_add(c, e->line, CONF_ERROR, rc, key, NULL, "%s", f.what)))
			return rc;
	}
	return used ? 0
	            : conf_issue_add(c, e->line, CONF_NOTE, KE_SYNTAX, key, "remove the line",
	                      "excluded from no key with a '*' of this file");
}

static int line_to_setting(struct conf *c, const struct conf_line *l, struct policy *p)
{
	struct fault f = { 0 };
	struct setting *s;
	const char *value = l->value;
	int rc = KE_VALUE;
	if (bound_take(&value) != BOUND_NONE)
		fault_set(&f, rc, NULL, "write the number alone, or write it so in a policy document",
		        "only policy documents know values like >=N");
	else
		rc = policy_append(p, &l->name, l->value, l->remark, &s, &f);
	if (rc == KE_NOMEM)
		return rc;
	if (rc)
		return refused_issue(c, l, &f);
	s->optional = l->optional;
	s->line = l->line;
	return s->knob ? 0 : unknown_issue(c, l);
}

/* One of the two entries that a '*' of sysctl.conf means besides the interfaces: WHICH in place of the '*' behind "conf" or
 * "neigh" of L's name. False when L has no such '*', or the kernel has no such entry. */
static bool broad_name(const struct name *pattern, const char *which, struct name *ret)
{
	const char *up, *seg;
	size_t up_len, len;
	for (unsigned i = 1; name_segment(pattern, i, &seg, &len); i++) {
		if (len != 1 || *seg != '*' || !name_segment(pattern, i - 1, &up, &up_len))
			continue;
		bool conf = up_len == 4 && memcmp(up, "conf", 4) == 0;
		bool neigh = up_len == 5 && memcmp(up, "neigh", 5) == 0 && strcmp(which, "default") == 0;
		int n = snprintf(ret->path, sizeof ret->path, "%.*s%s%s", (int)(seg - pattern->path),
		        pattern->path, which, seg + 1);
		return (conf || neigh) && n > 0 && (size_t)n < sizeof ret->path;
	}
	return false;
}

/* Does the file say something of its own about N: a line, or an exclusion? */
static bool named(const struct conf *c, const struct name *n)
{
	for (size_t i = 0; i < c->n_lines; i++)
		if (name_cmp(&c->lines[i].name, n) == 0)
			return true;
	for (size_t i = 0; i < c->n_exclusions; i++)
		if (name_cmp(&c->exclusions[i].name, n) == 0)
			return true;
	return false;
}

/* A '*' of a policy means interfaces; that of sysctl(8) and systemd-sysctl writes "all" and "default", too. So the import
 * names them, unless the file does, or the line before was refused already. */
static int broad_settings(struct conf *c, const struct conf_line *l, struct policy *p)
{
	static const char *const which[] = { "all", "default" };
	char key[NAME_MAX_LEN + 1];
	for (size_t i = 0; i < sizeof which / sizeof which[0]; i++) {
		struct fault f = { 0 };
		struct setting *s;
		struct name n;
		if (!policy_find(p, &l->name) || !broad_name(&l->name, which[i], &n) || named(c, &n) ||
		        policy_find(p, &n))
			continue;
		int rc = policy_append(p, &n, l->value, l->remark, &s, &f);
		if (rc == KE_NOMEM)
			return rc;
		if (rc == 0) {
			s->optional = l->optional;
			s->line = l->line;
		}
		name_dotted(&n, key, sizeof key);
		rc = rc ? conf_issue_add(c, l->line, CONF_ERROR, rc, key, NULL, "%s", f.what)
		        : conf_issue_add(c, l->line, CONF_NOTE, KE_SYNTAX, key,
		                  "delete it where only interfaces are meant",
		                  "added, since the '*' of sysctl writes it, too");
		if (rc)
			return rc;
	}
	return 0;
}

int conf_to_policy(struct conf *c, const char *name, struct policy **ret, struct fault *f)
{
	struct policy *p = NULL;
	int rc = policy_new(name, 1, &p);
	for (size_t i = 0; i < c->n_lines && rc == 0; i++)
		if (!overridden(c, i))
			rc = line_to_setting(c, &c->lines[i], p);
	for (size_t i = 0; i < c->n_lines && rc == 0; i++)
		if (!overridden(c, i))
			rc = broad_settings(c, &c->lines[i], p);
	for (size_t i = 0; i < c->n_exclusions && rc == 0; i++)
		rc = exclusion_apply(c, &c->exclusions[i], p);
	if (rc) {
		policy_free(p);
		return fault_set(f, rc, NULL, NULL, "%s", err_text(rc));
	}
	*ret = p;
	return 0;
}
