/* managers.c — the table of managers, and who of them is there. A manager that is only installed is told too: it may be started. Reads
 * only. Called by `explain` and `status`. */
#include "agent/local/managers.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/fileio.h"

/* A list of texts, NULL at its end. */
typedef const char *const texts[8];

/* What a manager touches without being asked in a file: pattern in path form, what it does. */
struct built_in {
	const char *pattern, *what;
};

static const struct manager {
	const char *name;
	texts programs, units;
	const char *comm; /* of its process, as the kernel cuts it */
	const struct built_in *built_in;
	int (*files)(
	        const char *root, enum manager_state state, const struct name *key, struct manager_hits *h);
	texts searched; /* folders whose texts may name the key */
} managers[MANAGERS];

static const struct built_in network_manager[] = {
	{ "net/ipv6/conf/*/accept_ra", "set for each interface that it manages" },
	{ "net/ipv6/conf/*/use_tempaddr", "set from the connection's ip6-privacy" },
	{ "net/ipv6/conf/*/disable_ipv6", "set while it configures an interface" },
	{ "net/ipv6/conf/*/addr_gen_mode", "set for each interface that it manages" },
	{ "net/ipv6/conf/*/hop_limit", "set from router advertisements" },
	{ "net/ipv4/conf/*/forwarding", "set for shared connections" },
	{ "net/ipv4/ip_forward", "set for shared connections" },
	{ NULL, NULL },
};

static const struct built_in kubelet[] = {
	{ "vm/overcommit_memory", "set to 1 at its start" },
	{ "vm/panic_on_oom", "set to 0 at its start" },
	{ "kernel/panic", "set to 10 at its start" },
	{ "kernel/panic_on_oops", "set to 1 at its start" },
	{ "kernel/keys/root_maxkeys", "set at its start" },
	{ "kernel/keys/root_maxbytes", "set at its start" },
	{ NULL, NULL },
};

static const struct built_in kube_proxy[] = {
	{ "net/netfilter/nf_conntrack_max", "set from --conntrack-max-per-core" },
	{ "net/netfilter/nf_conntrack_tcp_timeout_established",
	        "set from --conntrack-tcp-timeout-established" },
	{ "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
	        "set from --conntrack-tcp-timeout-close-wait" },
	{ "net/netfilter/nf_conntrack_tcp_be_liberal", "set from --conntrack-tcp-be-liberal" },
	{ "net/ipv4/conf/all/route_localnet", "set to 1 in iptables mode" },
	{ "net/ipv4/ip_forward", "set to 1 in IPVS mode" },
	{ "net/ipv4/conf/all/arp_ignore", "set in IPVS mode" },
	{ "net/ipv4/conf/all/arp_announce", "set in IPVS mode" },
	{ "net/ipv4/vs/**", "set in IPVS mode" },
	{ NULL, NULL },
};

static const struct built_in docker[] = {
	{ "net/ipv4/ip_forward", "set to 1 at its start, unless ip-forward is off" },
	{ "net/ipv4/conf/*/forwarding", "changed with ip_forward" },
	{ "net/ipv6/conf/*/forwarding", "set to 1 where IPv6 is on" },
	{ "net/bridge/bridge-nf-call-iptables", "set to 1 where a network's containers are isolated" },
	{ "net/bridge/bridge-nf-call-ip6tables", "set to 1 where a network's containers are isolated" },
	{ "net/ipv4/conf/*/route_localnet", "set to 1 for its bridges" },
	{ NULL, NULL },
};

static const struct manager managers[MANAGERS] = {
	{ "tuned", { "/usr/sbin/tuned" }, { "tuned.service" }, "tuned", NULL, managers_tuned, { NULL } },
	{ "systemd-networkd", { "/usr/lib/systemd/systemd-networkd", "/lib/systemd/systemd-networkd" },
	        { "systemd-networkd.service" }, "systemd-network", NULL, managers_networkd, { NULL } },
	{ "NetworkManager", { "/usr/sbin/NetworkManager" }, { "NetworkManager.service" }, "NetworkManager",
	        network_manager, NULL, { NULL } },
	{ "kubelet", { "/usr/bin/kubelet", "/usr/local/bin/kubelet" }, { "kubelet.service" }, "kubelet",
	        kubelet, NULL, { NULL } },
	/* Mostly in a container: then only its process is seen. */
	{ "kube-proxy", { "/usr/bin/kube-proxy", "/usr/local/bin/kube-proxy" }, { "kube-proxy.service" },
	        "kube-proxy", kube_proxy, NULL, { NULL } },
	{ "docker", { "/usr/bin/dockerd", "/usr/sbin/dockerd" }, { "docker.service", "docker.socket" },
	        "dockerd", docker, NULL, { NULL } },
	{ "cfengine", { "/usr/sbin/cf-agent", "/usr/bin/cf-agent", "/var/cfengine/bin/cf-agent" },
	        { "cfengine3.service", "cf-execd.service" }, "cf-execd", NULL, NULL,
	        { "/var/lib/cfengine3/inputs", "/var/cfengine/inputs", "/etc/cfengine3" } },
	{ "puppet", { "/usr/bin/puppet", "/opt/puppetlabs/bin/puppet" }, { "puppet.service" }, "puppet", NULL,
	        NULL, { "/etc/puppet/code", "/etc/puppetlabs/code" } },
};

static bool there(const char *root, const char *path)
{
	char whole[PATH_MAX];
	struct stat st;

	return snprintf(whole, sizeof whole, "%s%s", root, path) < (int)sizeof whole && !lstat(whole, &st);
}

static bool any_there(const char *root, const char *const *paths)
{
	for (; *paths; paths++)
		if (there(root, *paths))
			return true;
	return false;
}

/* Units that are enabled have a link in a folder NAME.wants. */
static void enabled_mark(const char *root, struct managers *m)
{
	char dir[PATH_MAX], link[PATH_MAX];

	if (snprintf(dir, sizeof dir, "%s/etc/systemd/system", root) >= (int)sizeof dir)
		return;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		const char *dot = strrchr(e->d_name, '.');
		if (!dot || strcmp(dot, ".wants") != 0)
			continue;
		for (size_t i = 0; i < MANAGERS; i++)
			for (const char *const *unit = managers[i].units; *unit; unit++)
				if (snprintf(link, sizeof link, "/etc/systemd/system/%s/%s", e->d_name,
				            *unit) < (int)sizeof link &&
				        m->states[i] == MANAGER_INSTALLED && there(root, link))
					m->states[i] = MANAGER_ENABLED;
	}
	if (d)
		closedir(d);
}

static void running_mark(const char *proc, struct managers *m)
{
	char path[PATH_MAX], *comm;
	size_t len;
	DIR *d = opendir(proc);

	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		        snprintf(path, sizeof path, "%s/%s/comm", proc, e->d_name) >= (int)sizeof path ||
		        file_read(path, 64, &comm, &len, NULL))
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		for (size_t i = 0; i < MANAGERS; i++)
			if (strcmp(comm, managers[i].comm) == 0)
				m->states[i] = MANAGER_RUNNING;
		file_free(comm);
	}
	if (d)
		closedir(d);
}

void managers_look(const char *root, const char *proc, struct managers *ret)
{
	*ret = (struct managers){ .root = root };
	for (size_t i = 0; i < MANAGERS; i++)
		ret->states[i] = any_there(root, managers[i].programs) ? MANAGER_INSTALLED : MANAGER_ABSENT;
	enabled_mark(root, ret);
	running_mark(proc, ret);
}

/* SEARCH: in texts too. */
static int one_touch(
        const struct managers *m, size_t i, const struct name *key, bool search, struct manager_hits *ret)
{
	const struct manager *one = &managers[i];
	int rc = KE_OK;

	for (const struct built_in *b = one->built_in; !rc && b && b->pattern; b++)
		if (name_match_path(b->pattern, key->path))
			rc = manager_hit_add(ret, one->name, m->states[i], NULL, 0, b->what, strlen(b->what));
	if (!rc && one->files)
		rc = one->files(m->root, m->states[i], key, ret);
	for (const char *const *dir = one->searched; !rc && search && *dir; dir++)
		rc = managers_search(m->root, *dir, one->name, m->states[i], key, ret);
	return rc;
}

int managers_touch(const struct managers *m, const struct name *key, struct manager_hits *ret)
{
	int rc = KE_OK;

	for (size_t i = 0; !rc && i < MANAGERS; i++)
		if (m->states[i] != MANAGER_ABSENT)
			rc = one_touch(m, i, key, true, ret);
	return rc;
}

const char *managers_name(size_t i)
{
	return managers[i].name;
}

bool managers_one_touches(const struct managers *m, size_t i, const struct name *key)
{
	struct manager_hits hits = { 0 };

	if (m->states[i] < MANAGER_ENABLED)
		return false;
	one_touch(m, i, key, false, &hits);
	bool touches = hits.n > 0;
	manager_hits_clear(&hits);
	return touches;
}

int manager_hit_add(struct manager_hits *h, const char *name, enum manager_state state, const char *file,
        unsigned line, const char *text, size_t len)
{
	for (size_t i = 0; file && i < h->n; i++)
		if (h->rows[i].file && h->rows[i].line == line && strcmp(h->rows[i].file, file) == 0)
			return KE_OK; /* a file that is met twice */
	struct manager_hit *more = realloc(h->rows, (h->n + 1) * sizeof *more);

	if (!more)
		return KE_NOMEM;
	h->rows = more;
	struct manager_hit *row = &h->rows[h->n++];
	*row = (struct manager_hit){ .name = name, .state = state, .line = line };
	row->file = file ? strdup(file) : NULL;
	row->text = strndup(text, len < 200 ? len : 200);
	return row->text && (row->file || !file) ? KE_OK : KE_NOMEM;
}

void manager_hits_clear(struct manager_hits *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->rows[i].file);
		free(h->rows[i].text);
	}
	free(h->rows);
	*h = (struct manager_hits){ 0 };
}

const char *manager_state_name(enum manager_state s)
{
	static const char *const names[] = { "absent", "installed", "enabled", "running" };

	return names[s];
}

void manager_hits_json(const struct manager_hits *h, const char *name, struct jsonw *w)
{
	jsonw_array(w, name);
	for (size_t i = 0; i < h->n; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "name", h->rows[i].name);
		jsonw_string(w, "state", manager_state_name(h->rows[i].state));
		jsonw_opt_string(w, "file", h->rows[i].file);
		if (h->rows[i].file)
			jsonw_int(w, "line", h->rows[i].line);
		jsonw_string(w, "text", h->rows[i].text);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}
