/* lint_key.c — rules about keys: do they exist, on this kernel, in this place, and once only. */
#include <stdio.h>
#include <string.h>

#include "policies/lint_rules.h"

/* Calls FN for the last line of each key; K is NULL for keys without a knob. */
static void each_key(
        struct lint_view *v, void (*fn)(struct lint_view *, const struct conf_line *, const struct knob *))
{
	for (size_t i = 0; i < v->conf->n_lines; i++)
		if (v->lines[i].wins)
			fn(v, &v->conf->lines[i], v->lines[i].knob);
}

static const char *path_dotted(const char *path, char buf[NAME_MAX_LEN + 1])
{
	struct name n = { 0 };
	snprintf(n.path, sizeof n.path, "%s", path);
	return name_dotted(&n, buf, NAME_MAX_LEN + 1);
}

static void misspelt(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1], near[NAME_MAX_LEN + 1];
	(void)k;
	const struct knob *meant = view_about(v, l)->near;
	if (!meant || view_current(v, l->name.path))
		return;
	view_find(v, l, "'%s' does not exist; did you mean '%s'?", name_dotted(&l->name, key, sizeof key),
	        path_dotted(meant->path, near));
}

static void check_misspelt(struct lint_view *v)
{
	each_key(v, misspelt);
}

static void removed(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	if (k && k->removed && v->target->kernel && v->target->kernel >= k->removed)
		view_find(v, l, "'%s' was removed in %u.%u; the line can only produce an error",
		        name_dotted(&l->name, key, sizeof key), k->removed >> 16, k->removed & 0xffff);
}

static void check_removed(struct lint_view *v)
{
	each_key(v, removed);
}

static void too_new(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	uint32_t kernel = v->target->kernel;
	if (k && k->added && kernel && k->added > kernel)
		view_find(v, l, "'%s' needs kernel %u.%u; the target is %u.%u",
		        name_dotted(&l->name, key, sizeof key), k->added >> 16, k->added & 0xffff,
		        kernel >> 16, kernel & 0xffff);
}

static void check_too_new(struct lint_view *v)
{
	each_key(v, too_new);
}

static void obsolete(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	if (k && k->obsolete && v->target->kernel >= k->obsolete)
		view_find(v, l, "'%s' is kept for compatibility only and changes nothing since %u.%u",
		        name_dotted(&l->name, key, sizeof key), k->obsolete >> 16, k->obsolete & 0xffff);
}

static void check_obsolete(struct lint_view *v)
{
	each_key(v, obsolete);
}

/* Given more than once with different values. */
static void twice(struct lint_view *v, const struct conf_line *last, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	unsigned n = 0;
	const struct conf_line *other = NULL;
	(void)k;
	for (const struct conf_line *l = v->conf->lines; l <= last; l++) {
		if (name_cmp(&l->name, &last->name) != 0)
			continue;
		n++;
		if (strcmp(l->value, last->value) != 0)
			other = l;
	}
	if (other)
		view_find(v, last,
		        "'%s' is set %u times (line %u says '%s', line %u '%s'); the last one wins",
		        name_dotted(&last->name, key, sizeof key), n, other->line, other->value, last->line,
		        last->value);
}

static void check_twice(struct lint_view *v)
{
	each_key(v, twice);
}

static void module_missing(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	bool conntrack = strncmp(l->name.path, "net/netfilter/", 14) == 0 ||
	                 strcmp(l->name.path, "net/nf_conntrack_max") == 0;
	(void)k;
	if (conntrack && v->target->conntrack_missing)
		view_find(v, l, "'%s' appears only after nf_conntrack is loaded",
		        name_dotted(&l->name, key, sizeof key));
}

static void check_module(struct lint_view *v)
{
	each_key(v, module_missing);
}

static void read_only(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	if (k && k->read_only)
		view_find(v, l, "'%s' is read-only", name_dotted(&l->name, key, sizeof key));
}

static void check_read_only(struct lint_view *v)
{
	each_key(v, read_only);
}

static void host_only(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	if (!k || !v->target->child_netns || (k->scope != KNOB_HOST && k->scope != KNOB_HOST_SHOWN))
		return;
	view_find(v, l, "'%s' cannot be set inside a container; it is %s there",
	        name_dotted(&l->name, key, sizeof key), k->scope == KNOB_HOST ? "absent" : "read-only");
}

static void check_host_only(struct lint_view *v)
{
	each_key(v, host_only);
}

static void old_alias(struct lint_view *v, const struct conf_line *l, const struct knob *k)
{
	char key[NAME_MAX_LEN + 1];
	const char *rest = l->name.path;
	(void)k;
	if (strncmp(rest, V4 "netfilter/ip_conntrack", strlen(V4 "netfilter/ip_conntrack")) == 0)
		rest += strlen(V4 "netfilter/ip_conntrack");
	else if (strcmp(rest, V4 "ip_conntrack_max") == 0)
		rest += strlen(V4 "ip_conntrack");
	else
		return;
	view_find(v, l, "'%s' is an old name of 'net.netfilter.nf_conntrack%s'",
	        name_dotted(&l->name, key, sizeof key), rest);
}

static void check_old_alias(struct lint_view *v)
{
	each_key(v, old_alias);
}

const struct lint_rule lint_key_rules[] = {
	{ .id = "KEY001",
	        .severity = LINT_ERROR,
	        .check = check_misspelt,
	        .fix = "correct the spelling; do not hide the error with -e or a '-' in front",
	        .sources = SOURCES("observed ENOENT for tcp_timestsmps on 6.18.44") },
	{ .id = "KEY002",
	        .severity = LINT_ERROR,
	        .check = check_removed,
	        .fix = "delete the line",
	        .sources = SOURCES("commit 4396e46187ca (tcp_tw_recycle, 4.12)") },
	{ .id = "KEY003",
	        .severity = LINT_WARNING,
	        .check = check_too_new,
	        .fix = "guard it by kernel version, or remove it",
	        .sources = SOURCES("key catalogue") },
	{ .id = "KEY004",
	        .severity = LINT_INFO,
	        .check = check_obsolete,
	        .fix = "remove the line",
	        .sources = SOURCES(IP_SYSCTL, "commit dfa2f0483360") },
	{ .id = "KEY005",
	        .severity = LINT_WARNING,
	        .check = check_twice,
	        .fix = "keep one assignment",
	        .sources = SOURCES("sysctl.d(5)") },
	{ .id = "KEY006",
	        .severity = LINT_WARNING,
	        .check = check_module,
	        .fix = "load the module first (modules-load.d) and apply again afterwards",
	        .sources = SOURCES("net/netfilter/nf_conntrack_standalone.c") },
	{ .id = "KEY007",
	        .severity = LINT_ERROR,
	        .check = check_read_only,
	        .fix = "remove it; set the key that feeds it",
	        .sources = SOURCES("mode bits") },
	{ .id = "KEY008",
	        .severity = LINT_ERROR,
	        .check = check_host_only,
	        .fix = "set it on the host, or drop it from the container's policy",
	        .sources = SOURCES("net/core/sysctl_net_core.c", "observed on 6.18.44") },
	{ .id = "KEY009",
	        .severity = LINT_WARNING,
	        .check = check_old_alias,
	        .fix = "use the new name",
	        .sources = SOURCES("absence observed on 6.18.44") },
	{ .id = "" },
};
