/* config.h — /etc/kedge/agent.conf: who this host is, whom it asks, where things lie.
 *
 * The file belongs to root; its labels decide which policies are meant for this host, so a file that others can write is
 * refused. All three programs of the agent read it by themselves. Everything has a default except host, fleet, server.
 *
 *	[agent]    host, fleet, server, repo, ca, root, profile, proxy, report_cmdline, require_sandbox, log, events, lock,
 *	           lock_exempt
 *	[labels]   NAME = VALUE
 *	[users]    keeper, courier            a name or a number
 *	[paths]    run, state, ceiling
 *	[times]    poll_ms, sockets, sockets_cpu, status, refresh, confirm, retry_max
 */
#ifndef KEDGE_AGENT_CONFIG_CONFIG_H
#define KEDGE_AGENT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "policies/facts.h"
#include "proto/err.h"
#include "proto/log.h"

#define CONFIG_PATH       "/etc/kedge/agent.conf"
#define CONFIG_MAX_LABELS 32
#define CONFIG_MAX_EXEMPT 8

/* The best source of events that may be used; where it is not to be had, the next one is. */
enum config_events { CONFIG_EVENTS_BPF, CONFIG_EVENTS_FANOTIFY, CONFIG_EVENTS_POLL };

struct agent_config {
	char *host, *fleet;
	char *server;      /* "https://name:port", no path, no slash at the end */
	char *repo;        /* base URL of metadata/ and targets/; NULL: SERVER/v1/repo */
	char *ca;          /* PEM file of the server CA; default /etc/kedge/trust/server-ca.pem */
	char *root;        /* first trusted root; default /etc/kedge/trust/root.json */
	char *proxy;       /* NULL: none; never from the environment */
	bool full_profile; /* profile = full: keeper keeps uid 0, for keys outside net.* */
	bool report_cmdline;
	bool require_sandbox; /* less than full confinement: do not start */
	enum log_level log;
	enum config_events events;
	bool lock;                       /* policies may lock keys here */
	char *exempt[CONFIG_MAX_EXEMPT]; /* directories of control groups that locks do not bind */
	size_t n_exempt;
	struct label labels[CONFIG_MAX_LABELS];
	size_t n_labels;
	uid_t keeper_uid, courier_uid;
	gid_t keeper_gid, courier_gid;
	char *run_dir, *state_dir, *ceiling;
	int64_t poll_ms;     /* between two looks at the keys */
	int64_t sockets_s;   /* between two socket reports */
	int64_t sockets_cpu; /* thousandths of a processor that looking at every socket may take */
	int64_t status_s;    /* between two status reports without news */
	int64_t refresh_s;   /* between two refreshes of the repository without news */
	int64_t confirm_s;   /* default time until an unconfirmed plan is undone */
	int64_t retry_max_s; /* longest pause between two tries to reach the server */
};

/* Read PATH. KE_NOENT, KE_ACCES (not root's, or others may write it), KE_SYNTAX, KE_UNKNOWN, KE_RANGE, KE_NAME, with file and
 * line. *RET is newly allocated; agent_config_free() it. */
int agent_config_read(const char *path, struct agent_config **ret, struct fault *f);
/* The same from text, without a look at the file's owner. */
int agent_config_parse(const char *text, size_t len, struct agent_config **ret, struct fault *f);
void agent_config_free(struct agent_config *c);

#endif
