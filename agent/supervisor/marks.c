/* marks.c — which directories are marked, and when again. An interface that comes brings net/ipv4/conf/X, conf/X and
 * neigh/X; links.c says "something changed", and the marks are simply renewed: those that are there already stay. Called by the supervisor only, which has CAP_SYS_ADMIN. */
#include "agent/supervisor/marks.h"

/* Shallow outside net: fs/binfmt_misc is an automount point, and the never-list covers what else is deep. */
static const struct dir {
	const char *path;
	bool deep, full_only;
} dirs[] = {
	{ "net", true, false },
	{ "kernel", false, true },
	{ "vm", false, true },
	{ "fs", false, true },
};

static void mark_all(struct marks *m, struct fault *f)
{
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		if (m->group && (m->full || !dirs[i].full_only))
			fanotify_marks_add(m->group, dirs[i].path, dirs[i].deep, f);
}

void marks_open(const char *root, bool full, struct marks *ret, struct fault *f)
{
	struct marks m = { .full = full };

	if (fanotify_marks_open(root, &m.group, f) == KE_OK)
		mark_all(&m, f);
	*ret = m;
}

void marks_renew(struct marks *m)
{
	mark_all(m, NULL);
}

void marks_close(struct marks *m)
{
	fanotify_marks_close(m->group);
	*m = (struct marks){ 0 };
}
