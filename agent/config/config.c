/* config.c — one table of names, one row a setting; everything that is not in it is refused with its line. */
#include "agent/config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/fileio.h"
#include "proto/ini.h"

enum kind {
	KIND_TEXT,
	KIND_ID,
	KIND_URL,
	KIND_PATH,
	KIND_BOOL,
	KIND_INT,
	KIND_PROFILE,
	KIND_LOG,
	KIND_USER,
	KIND_EVENTS,
	KIND_EXEMPT
};

static const struct row {
	const char *section, *name;
	enum kind kind;
	size_t offset;
	int64_t min, max;
} rows[] = {
	{ "agent", "host", KIND_ID, offsetof(struct agent_config, host), 0, 0 },
	{ "agent", "fleet", KIND_ID, offsetof(struct agent_config, fleet), 0, 0 },
	{ "agent", "server", KIND_URL, offsetof(struct agent_config, server), 0, 0 },
	{ "agent", "repo", KIND_URL, offsetof(struct agent_config, repo), 0, 0 },
	{ "agent", "ca", KIND_PATH, offsetof(struct agent_config, ca), 0, 0 },
	{ "agent", "root", KIND_PATH, offsetof(struct agent_config, root), 0, 0 },
	{ "agent", "proxy", KIND_TEXT, offsetof(struct agent_config, proxy), 0, 0 },
	{ "agent", "profile", KIND_PROFILE, offsetof(struct agent_config, full_profile), 0, 0 },
	{ "agent", "report_cmdline", KIND_BOOL, offsetof(struct agent_config, report_cmdline), 0, 0 },
	{ "agent", "require_sandbox", KIND_BOOL, offsetof(struct agent_config, require_sandbox), 0, 0 },
	{ "agent", "log", KIND_LOG, offsetof(struct agent_config, log), 0, 0 },
	{ "agent", "events", KIND_EVENTS, offsetof(struct agent_config, events), 0, 0 },
	{ "agent", "lock", KIND_BOOL, offsetof(struct agent_config, lock), 0, 0 },
	{ "agent", "lock_exempt", KIND_EXEMPT, 0, 0, 0 },
	{ "users", "keeper", KIND_USER, offsetof(struct agent_config, keeper_uid), 0, 0 },
	{ "users", "courier", KIND_USER, offsetof(struct agent_config, courier_uid), 0, 0 },
	{ "paths", "run", KIND_PATH, offsetof(struct agent_config, run_dir), 0, 0 },
	{ "paths", "state", KIND_PATH, offsetof(struct agent_config, state_dir), 0, 0 },
	{ "paths", "ceiling", KIND_PATH, offsetof(struct agent_config, ceiling), 0, 0 },
	{ "times", "poll_ms", KIND_INT, offsetof(struct agent_config, poll_ms), 50, 60000 },
	{ "times", "sockets", KIND_INT, offsetof(struct agent_config, sockets_s), 1, 86400 },
	{ "times", "sockets_cpu", KIND_INT, offsetof(struct agent_config, sockets_cpu), 1, 1000 },
	{ "times", "status", KIND_INT, offsetof(struct agent_config, status_s), 1, 86400 },
	{ "times", "refresh", KIND_INT, offsetof(struct agent_config, refresh_s), 1, 86400 },
	{ "times", "confirm", KIND_INT, offsetof(struct agent_config, confirm_s), 1, 3600 },
	{ "times", "retry_max", KIND_INT, offsetof(struct agent_config, retry_max_s), 1, 3600 },
};

static int set_text(char **at, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return KE_NOMEM;
	free(*at);
	*at = copy;
	return KE_OK;
}

static bool id_valid(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= 63 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n && s[0] != '-' &&
	       s[0] != '.' && s[n - 1] != '-' && s[n - 1] != '.';
}

static int set_url(char **at, const struct ini_line *line, struct fault *f)
{
	size_t n = strlen(line->value);

	if (strncmp(line->value, "https://", 8) != 0 || n < 9 || line->value[n - 1] == '/' ||
	        strpbrk(line->value, " \t?#@\"\\"))
		return fault_set(f, KE_SYNTAX, line->name, NULL,
		        "'%s' is not https://HOST[:PORT][/PATH] without a slash at the end", line->value);
	return set_text(at, line->value);
}

/* A user's name or number; the group is the user's own, or the same number. */
static int set_user(uid_t *uid, gid_t *gid, const struct ini_line *line, struct fault *f)
{
	int64_t number;

	if (!ini_int(line, 1, 0x7fffffff, &number, NULL)) {
		*uid = (uid_t)number;
		*gid = (gid_t)number;
		return KE_OK;
	}
	const struct passwd *pw = getpwnam(line->value);
	if (!pw || pw->pw_uid == 0)
		return fault_set(f, KE_NAME, line->name, "make the user, or give a number",
		        "there is no user '%s' other than root", line->value);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return KE_OK;
}

static int set_events(enum config_events *at, const struct ini_line *line, struct fault *f)
{
	static const char *const words[] = { "bpf", "fanotify", "poll" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(line->value, words[i]) == 0) {
			*at = (enum config_events)i;
			return KE_OK;
		}
	return fault_set(f, KE_SYNTAX, line->name, NULL, "is bpf, fanotify or poll, not '%s'", line->value);
}

/* Absolute paths with blanks between them. */
static int set_exempt(struct agent_config *c, const struct ini_line *line, struct fault *f)
{
	const char *at = line->value;

	for (at += strspn(at, " "); *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		if (*at != '/')
			return fault_set(f, KE_SYNTAX, line->name, NULL, "must be absolute paths");
		if (c->n_exempt == CONFIG_MAX_EXEMPT)
			return fault_set(f, KE_TOOBIG, line->name, NULL, "more than %d control groups",
			        CONFIG_MAX_EXEMPT);
		if (!(c->exempt[c->n_exempt] = strndup(at, len)))
			return KE_NOMEM;
		c->n_exempt++;
		at += len;
	}
	return KE_OK;
}

static int set_row(
        struct agent_config *c, const struct row *row, const struct ini_line *line, struct fault *f)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };
	void *at = (char *)c + row->offset;

	switch (row->kind) {
	case KIND_TEXT:
		return set_text(at, line->value);
	case KIND_ID:
		if (!id_valid(line->value))
			return fault_set(f, KE_NAME, line->name, NULL,
			        "'%s' is not 1 to 63 of a-z 0-9 . - with a letter or digit at both ends",
			        line->value);
		return set_text(at, line->value);
	case KIND_URL:
		return set_url(at, line, f);
	case KIND_PATH:
		if (line->value[0] != '/')
			return fault_set(f, KE_SYNTAX, line->name, NULL, "must be an absolute path");
		return set_text(at, line->value);
	case KIND_BOOL:
		return ini_bool(line, at, f);
	case KIND_INT:
		return ini_int(line, row->min, row->max, at, f);
	case KIND_PROFILE:
		if (strcmp(line->value, "net") != 0 && strcmp(line->value, "full") != 0)
			return fault_set(
			        f, KE_SYNTAX, line->name, NULL, "is net or full, not '%s'", line->value);
		*(bool *)at = strcmp(line->value, "full") == 0;
		return KE_OK;
	case KIND_LOG:
		for (size_t i = 0; i < 4; i++)
			if (strcmp(line->value, levels[i]) == 0) {
				*(enum log_level *)at = (enum log_level)i;
				return KE_OK;
			}
		return fault_set(f, KE_SYNTAX, line->name, NULL, "is error, warning, info or debug");
	case KIND_EVENTS:
		return set_events(at, line, f);
	case KIND_EXEMPT:
		return set_exempt(c, line, f);
	case KIND_USER:
		return row->offset == offsetof(struct agent_config, keeper_uid)
		               ? set_user(&c->keeper_uid, &c->keeper_gid, line, f)
		               : set_user(&c->courier_uid, &c->courier_gid, line, f);
	}
	return KE_OK;
}

static int set_label(struct agent_config *c, const struct ini_line *line, struct fault *f)
{
	struct label *l = &c->labels[c->n_labels];

	if (c->n_labels == CONFIG_MAX_LABELS)
		return fault_set(f, KE_TOOBIG, line->name, NULL, "more than %d labels", CONFIG_MAX_LABELS);
	c->n_labels++;
	l->name = strdup(line->name);
	l->value = strdup(line->value);
	return l->name && l->value ? KE_OK : KE_NOMEM;
}

static int one_setting(void *ctx, const struct ini_line *line, struct fault *f)
{
	if (strcmp(line->section, "labels") == 0)
		return set_label(ctx, line, f);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rows[i].section, line->section) == 0 && strcmp(rows[i].name, line->name) == 0)
			return set_row(ctx, &rows[i], line, f);
	return ini_unknown(line, f);
}

static int set_defaults(struct agent_config *c)
{
	c->log = LOG_LEVEL_INFO;
	c->keeper_uid = (uid_t)-1;
	c->courier_uid = (uid_t)-1;
	c->poll_ms = 1000;
	c->sockets_s = 60;
	c->sockets_cpu = 5;
	c->status_s = 900;
	c->refresh_s = 300;
	c->confirm_s = 120;
	c->retry_max_s = 300;
	return set_text(&c->ca, "/etc/kedge/trust/server-ca.pem") ||
	                       set_text(&c->root, "/etc/kedge/trust/root.json") ||
	                       set_text(&c->run_dir, "/run/kedge") ||
	                       set_text(&c->state_dir, "/var/lib/kedge") ||
	                       set_text(&c->ceiling, "/etc/kedge/ceiling.conf")
	               ? KE_NOMEM
	               : KE_OK;
}

/* The users that the package makes, unless the file names others. */
static int default_users(struct agent_config *c, struct fault *f)
{
	const struct ini_line keeper = { .name = "keeper", .value = "_kedge-keeper" };
	const struct ini_line courier = { .name = "courier", .value = "_kedge-courier" };
	int rc = KE_OK;

	if (c->keeper_uid == (uid_t)-1)
		rc = set_user(&c->keeper_uid, &c->keeper_gid, &keeper, f);
	if (!rc && c->courier_uid == (uid_t)-1)
		rc = set_user(&c->courier_uid, &c->courier_gid, &courier, f);
	if (!rc && c->keeper_uid == c->courier_uid)
		rc = fault_set(f, KE_NAME, "[users]", NULL, "keeper and courier must be two users");
	return rc;
}

int agent_config_parse(const char *text, size_t len, struct agent_config **ret, struct fault *f)
{
	struct agent_config *c = calloc(1, sizeof *c);
	int rc = c ? set_defaults(c) : KE_NOMEM;

	if (!rc)
		rc = ini_parse(text, len, one_setting, c, f);
	if (!rc && (!c->host || !c->fleet || !c->server))
		rc = fault_set(f, KE_SCHEMA, "[agent]", NULL, "'%s' is missing",
		        !c->host    ? "host"
		        : !c->fleet ? "fleet"
		                    : "server");
	if (!rc)
		rc = default_users(c, f);
	if (rc) {
		agent_config_free(c);
		return rc;
	}
	*ret = c;
	return KE_OK;
}

int agent_config_read(const char *path, struct agent_config **ret, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	char *text;
	size_t len;

	if (fd < 0)
		return fault_set(f, err_from_errno(errno), path, "write it; agent.conf(5) says how",
		        "cannot open: %s", strerror(errno));
	int rc = KE_OK;
	if (fstat(fd, &st) || st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		rc = fault_set(f, KE_ACCES, path, "chown root and chmod go-w it",
		        "must belong to root and be writable by nobody else");
	if (!rc)
		rc = file_read_fd(fd, INI_MAX_BYTES, &text, &len, f);
	close(fd);
	if (rc)
		return rc;
	rc = agent_config_parse(text, len, ret, f);
	if (rc)
		fault_at(f, "%s", path);
	file_free(text);
	return rc;
}

void agent_config_free(struct agent_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_labels; i++) {
		free(c->labels[i].name);
		free(c->labels[i].value);
	}
	for (size_t i = 0; i < c->n_exempt; i++)
		free(c->exempt[i]);
	free(c->host);
	free(c->fleet);
	free(c->server);
	free(c->repo);
	free(c->ca);
	free(c->root);
	free(c->proxy);
	free(c->run_dir);
	free(c->state_dir);
	free(c->ceiling);
	free(c);
}
