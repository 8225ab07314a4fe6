/* Finding and entering network namespaces.
 *
 * The kernel has no list of them. Files in known directories hold those that were given a name; every other one that does
 * something has a process, and /proc/PID/ns/net says which. A process that ends while we look is passed over. What is entered
 * is checked to be a network namespace by the kernel itself. Called by `kedge-agent sockets --netns`, as root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/measure/netns.h"
#include "proto/fileio.h"

const char *const netns_dirs[] = { "/run/netns", "/run/docker/netns", NULL };

static bool text_put(char *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool text_put(char *to, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(to, NETNS_NAME_ROOM, fmt, ap);
	va_end(ap);
	return n >= 0 && n < NETNS_NAME_ROOM;
}

/* PATH's inode if it is a file of nsfs; following, since /proc/PID/ns/net is a link. */
static bool inode_of(const char *path, uint64_t *ret)
{
	struct stat st;
	if (stat(path, &st))
		return false;
	*ret = st.st_ino;
	return true;
}

static bool listed(const struct netns_list *l, uint64_t inode)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->rows[i].inode == inode)
			return true;
	return false;
}

static void add(struct netns_list *l, const struct netns *ns)
{
	if (l->n < NETNS_MAX && !listed(l, ns->inode))
		l->rows[l->n++] = *ns;
}

static int no_dots(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void named_add(struct netns_list *l, const char *dir, uint64_t device)
{
	struct dirent **names;
	int n = scandir(dir, &names, no_dots, alphasort);
	for (int i = 0; i < n; i++) {
		struct netns ns = { 0 };
		struct stat st;
		/* A name whose namespace was unmounted is an empty file of another file system. */
		if (text_put(ns.path, "%s/%s", dir, names[i]->d_name) &&
		        text_put(ns.name, "%s", names[i]->d_name) && stat(ns.path, &st) == 0 &&
		        st.st_dev == device) {
			ns.inode = st.st_ino;
			add(l, &ns);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void comm_read(const char *proc, unsigned long pid, char ret[17])
{
	char path[NETNS_NAME_ROOM], *text;
	size_t len;
	ret[0] = '\0';
	if (!text_put(path, "%s/%lu/comm", proc, pid) || file_read(path, 64, &text, &len, NULL))
		return;
	size_t n = strcspn(text, "\n");
	snprintf(ret, 17, "%.*s", (int)(n < 16 ? n : 16), text);
	file_free(text);
}

static int is_pid(const struct dirent *e)
{
	return e->d_name[0] >= '1' && e->d_name[0] <= '9';
}

static int by_pid(const struct dirent **a, const struct dirent **b)
{
	unsigned long x = strtoul((*a)->d_name, NULL, 10), y = strtoul((*b)->d_name, NULL, 10);
	return (x > y) - (x < y);
}

static int processes_add(struct netns_list *l, const char *proc, struct fault *f)
{
	struct dirent **pids;
	int n = scandir(proc, &pids, is_pid, by_pid);
	if (n < 0)
		return fault_set(f, KE_IO, proc, NULL, "cannot list: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		unsigned long pid = strtoul(pids[i]->d_name, NULL, 10);
		struct netns ns = { 0 };
		if (text_put(ns.path, "%s/%lu/ns/net", proc, pid) && text_put(ns.name, "pid:%lu", pid) &&
		        inode_of(ns.path, &ns.inode) && !listed(l, ns.inode)) {
			comm_read(proc, pid, ns.comm);
			add(l, &ns);
		}
		free(pids[i]);
	}
	free(pids);
	return 0;
}

int netns_list_read(const char *proc, const char *const *dirs, struct netns_list *ret, struct fault *f)
{
	struct netns_list l = { .rows = calloc(NETNS_MAX, sizeof *l.rows) };
	struct netns self = { .name = "self" };
	struct stat st;
	if (!l.rows)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	if (!text_put(self.path, "%s/self/ns/net", proc) || stat(self.path, &st)) {
		netns_list_clear(&l);
		return fault_set(f, KE_IO, proc, NULL, "does not tell this process's namespace");
	}
	self.inode = st.st_ino;
	add(&l, &self);
	for (size_t i = 0; dirs[i]; i++)
		named_add(&l, dirs[i], st.st_dev);
	int rc = processes_add(&l, proc, f);
	if (rc) {
		netns_list_clear(&l);
		return rc;
	}
	*ret = l;
	return 0;
}

void netns_list_clear(struct netns_list *l)
{
	free(l->rows);
	*l = (struct netns_list){ 0 };
}

static bool digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 10;
}

int netns_find(const char *name, const char *const *dirs, struct netns *ret, struct fault *f)
{
	struct netns ns = { 0 };
	bool fits = text_put(ns.name, "%s", name), found = false;
	if (!fits || !*name || name[0] == '.')
		return fault_set(f, KE_NAME, name, NULL, "is no name of a network namespace");
	if (strcmp(name, "self") == 0)
		found = text_put(ns.path, "/proc/self/ns/net") && inode_of(ns.path, &ns.inode);
	else if (strncmp(name, "pid:", 4) == 0 && digits(name + 4))
		found = text_put(ns.path, "/proc/%s/ns/net", name + 4) && inode_of(ns.path, &ns.inode);
	else if (strchr(name, '/'))
		found = text_put(ns.path, "%s", name) && inode_of(ns.path, &ns.inode);
	else
		for (size_t i = 0; dirs[i] && !found; i++)
			found = text_put(ns.path, "%s/%s", dirs[i], name) && inode_of(ns.path, &ns.inode);
	if (!found)
		return fault_set(f, KE_NOENT, name,
		        "'ip netns list' tells names; pid:N and paths are taken, too",
		        "there is no such network namespace");
	*ret = ns;
	return 0;
}

int netns_enter(const struct netns *ns, struct fault *f)
{
	int fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return fault_set(f, err_from_errno(errno), ns->name, NULL, "cannot open %s: %s", ns->path,
		        strerror(errno));
	int rc = 0;
	if (setns(fd, CLONE_NEWNET))
		rc = fault_set(f, errno == EPERM ? KE_ACCES : err_from_errno(errno), ns->name,
		        errno == EPERM ? "run it as root" : NULL, "cannot enter it: %s", strerror(errno));
	close(fd);
	return rc;
}
