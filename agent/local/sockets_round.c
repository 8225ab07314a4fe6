/* sockets_round.c — which namespaces, one after the other, each with its own earlier report.
 *
 * Namespaces come and go between two rounds: they are listed anew each time, from the namespace that we came from, and known
 * again by their inode. A namespace that cannot be measured does not spoil the others.
 */
#include "agent/local/sockets_round.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/measure/cgroups.h"

static void subjects_free(struct sockets_subject *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(s[i].report);
		for (size_t k = 0; k < SOCKETS_TOP_MAX; k++)
			free((void *)(uintptr_t)s[i].cgroups[k]);
	}
	free(s);
}

int sockets_round_open(struct sockets_round *r, struct fault *f)
{
	r->home_fd = r->netns ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
	if (r->netns && r->home_fd < 0)
		return fault_set(f, KE_SYSTEM, "/proc/self/ns/net", NULL, "%s", strerror(errno));
	if (getrandom(r->options.hash_key, sizeof r->options.hash_key, 0) != sizeof r->options.hash_key)
		return fault_set(f, KE_SYSTEM, "getrandom", NULL, "%s", strerror(errno));
	return 0;
}

void sockets_round_close(struct sockets_round *r)
{
	subjects_free(r->subjects, r->n);
	subjects_free(r->last, r->n_last);
	if (r->netns && r->home_fd >= 0)
		close(r->home_fd);
}

/* Back to where we came from; a step that needs no rights while we never left. */
static int home(const struct sockets_round *r, struct fault *f)
{
	struct netns here, back = { .name = "self" };
	snprintf(back.path, sizeof back.path, "/proc/self/fd/%d", r->home_fd);
	if (netns_find("self", netns_dirs, &here, NULL) == 0 &&
	        netns_find(back.path, netns_dirs, &back, f) == 0 && here.inode == back.inode)
		return 0;
	return netns_enter(&back, f);
}

/* What is to be measured, into fresh subjects. */
static int subjects_make(struct sockets_round *r, struct fault *f)
{
	struct netns_list list = { 0 };
	struct netns one = { 0 };
	int rc = r->netns ? home(r, f) : 0;
	if (!rc && r->netns)
		rc = strcmp(r->netns, "all") == 0 ? netns_list_read("/proc", netns_dirs, &list, f)
		                                  : netns_find(r->netns, netns_dirs, &one, f);
	if (rc)
		return rc;
	size_t n = list.n ? list.n : 1;
	r->subjects = calloc(n, sizeof *r->subjects);
	r->n = r->subjects ? n : 0;
	for (size_t i = 0; i < r->n; i++)
		r->subjects[i].ns = list.n ? list.rows[i] : one;
	netns_list_clear(&list);
	return r->n ? 0 : fault_set(f, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
}

static const struct sockets_report *earlier(const struct sockets_round *r, const struct sockets_subject *s)
{
	for (size_t i = 0; i < r->n_last; i++)
		if (r->last[i].ns.inode == s->ns.inode)
			return r->last[i].report;
	return NULL;
}

static void cgroups_name(struct sockets_subject *s)
{
	const struct sockets_report *r = s->report;
	char path[CGROUP_PATH_ROOM];
	int fd = r->n_owners ? cgroups_open() : -1;
	for (size_t i = 0; fd >= 0 && i < r->n_owners; i++)
		if (r->owners[i].cgroup && cgroup_path(fd, r->owners[i].cgroup, path))
			s->cgroups[i] = strdup(path);
	if (fd >= 0)
		close(fd);
}

static int subject_measure(struct sockets_round *r, struct sockets_subject *s)
{
	struct sockets_options o = r->options;
	const struct sockets_report *before = earlier(r, s);
	struct netns here;
	int rc = 0;
	if (r->netns && (netns_find("self", netns_dirs, &here, NULL) || here.inode != s->ns.inode))
		rc = netns_enter(&s->ns, &s->fault);
	if (rc)
		return rc;
	s->report = malloc(sizeof *s->report);
	if (!s->report)
		return fault_set(&s->fault, KE_NOMEM, NULL, NULL, "%s", err_text(KE_NOMEM));
	o.previous = before && before->mode == SOCKETS_FULL ? before : NULL;
	o.look = before && before->counters.known ? &before->counters : NULL;
	rc = sockets_measure(&o, s->report, &s->fault);
	if (rc) {
		free(s->report);
		s->report = NULL;
		return rc;
	}
	cgroups_name(s);
	return 0;
}

int sockets_round_measure(struct sockets_round *r, struct fault *f)
{
	size_t good = 0;
	subjects_free(r->last, r->n_last);
	r->last = r->subjects;
	r->n_last = r->n;
	r->subjects = NULL;
	r->n = 0;
	int rc = subjects_make(r, f);
	for (size_t i = 0; !rc && i < r->n; i++)
		good += subject_measure(r, &r->subjects[i]) == 0;
	if (!rc && good == 0) {
		*f = r->subjects[0].fault;
		rc = f->code;
	}
	return rc;
}
