/* config.c — reads server.conf. Tables say which settings exist, so that a misspelt one is refused with its line
 * instead of leaving a default in force. Called by main.c at start, on SIGHUP and for --check. */
#include "server-stub/config.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "certs/hostid.h"
#include "proto/ini.h"

static const struct text_setting {
	const char *name;
	size_t at;
	bool needed;
} texts[] = {
	{ "fleet", offsetof(struct server_config, fleet), true },
	{ "cert", offsetof(struct server_config, cert), true },
	{ "key", offsetof(struct server_config, key), true },
	{ "host_ca", offsetof(struct server_config, host_ca), false }, /* host_ca_cert when absent */
	{ "host_ca_cert", offsetof(struct server_config, host_ca_cert), true },
	{ "host_ca_key", offsetof(struct server_config, host_ca_key), true },
	{ "operator_ca", offsetof(struct server_config, operator_ca), true },
	{ "store", offsetof(struct server_config, store), true },
	{ "repo_root", offsetof(struct server_config, repo_root), false },
};

static const struct number_setting {
	const char *section, *name;
	size_t at;
	int64_t min, max, preset;
} numbers[] = {
	{ "server", "threads", offsetof(struct server_config, threads), 1, 64, 2 },
	{ "server", "workers", offsetof(struct server_config, workers), 1, 64, 2 },
	{ "server", "host_lifetime", offsetof(struct server_config, host_lifetime), 0, 400LL * 86400, 0 },
	{ "server", "poll", offsetof(struct server_config, poll), 1, 3600, 60 },
	{ "server", "shutdown_grace", offsetof(struct server_config, shutdown_grace), 0, 600, 10 },
	{ "retention", "raw_days", offsetof(struct server_config, raw_days), 1, 36500, 14 },
	{ "retention", "audit_days", offsetof(struct server_config, audit_days), 1, 36500, 400 },
};

#define LIMIT(NAME, MAX)                                                                                     \
	{                                                                                                    \
#NAME, offsetof(struct http_limits, NAME), sizeof(((struct http_limits *)0)->NAME), MAX      \
	}
static const struct limit_setting {
	const char *name;
	size_t at, size;
	int64_t max;
} limits[] = {
	LIMIT(handshake_ms, 600000),
	LIMIT(headers_ms, 600000),
	LIMIT(body_ms, 600000),
	LIMIT(idle_ms, 3600000),
	LIMIT(write_ms, 600000),
	LIMIT(run_ms, 600000),
	LIMIT(drain_ms, 60000),
	LIMIT(drain_bytes, 16 << 20),
	LIMIT(conns, 1000000),
	LIMIT(conns_per_address, 1000000),
	LIMIT(handshakes, 100000),
	LIMIT(handshakes_per_address, 100000),
	LIMIT(deferred, 100000),
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static char **text_at(struct server_config *c, const struct text_setting *s)
{
	return (char **)(void *)((char *)c + s->at);
}

static int64_t *number_at(struct server_config *c, const struct number_setting *s)
{
	return (int64_t *)(void *)((char *)c + s->at);
}

/* "ADDRESS:PORT", IPv6 in brackets. */
static int listen_add(struct server_config *c, const char *text, size_t len, struct fault *f)
{
	struct config_listen l = { 0 };
	unsigned char bytes[16];
	const char *colon = memrchr(text, ':', len);
	char port[6] = "", *end;

	if (c->n_listen == CONFIG_LISTEN_MAX)
		return fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d addresses", CONFIG_LISTEN_MAX);
	size_t host = colon ? (size_t)(colon - text) : len, digits = colon ? len - host - 1 : 0;
	if (host >= 2 && text[0] == '[' && text[host - 1] == ']') {
		text++;
		host -= 2;
	}
	if (!digits || digits >= sizeof port || host >= sizeof l.address)
		goto bad;
	memcpy(l.address, text, host);
	memcpy(port, colon + 1, digits);
	unsigned long n = strtoul(port, &end, 10);
	if (port[0] < '0' || port[0] > '9' || *end || n > 65535 ||
	        (inet_pton(AF_INET, l.address, bytes) != 1 && inet_pton(AF_INET6, l.address, bytes) != 1))
		goto bad;
	l.port = (uint16_t)n;
	c->listen[c->n_listen++] = l;
	return KE_OK;
bad:
	return fault_set(f, KE_VALUE, NULL, "write 0.0.0.0:8443 or [::]:8443",
	        "'%.80s' is no numeric address with a port", text);
}

static int listen_read(struct server_config *c, const char *value, struct fault *f)
{
	for (const char *p = value;;) {
		p += strspn(p, " \t");
		size_t n = strcspn(p, ","), len = n;
		while (len && (p[len - 1] == ' ' || p[len - 1] == '\t'))
			len--;
		int rc = listen_add(c, p, len, f);
		if (rc || !p[n])
			return rc;
		p += n + 1;
	}
}

static int operator_read(struct server_config *c, const struct ini_line *at, struct fault *f)
{
	static const struct {
		const char *word;
		enum http_role role;
	} roles[] = { { "viewer", HTTP_ROLE_VIEWER }, { "operator", HTTP_ROLE_OPERATOR },
		{ "admin", HTTP_ROLE_ADMIN } };
	struct api_operator *o = &c->operators[c->n_operators];
	int rc = hostid_check("operator name", at->name, f);

	if (!rc && c->n_operators == CONFIG_OPERATORS_MAX)
		rc = fault_set(f, KE_TOOBIG, NULL, NULL, "more than %d operators", CONFIG_OPERATORS_MAX);
	if (rc)
		return rc;
	for (size_t i = 0; i < COUNT(roles); i++)
		if (strcmp(at->value, roles[i].word) == 0) {
			memcpy(o->name, at->name, strlen(at->name) + 1);
			o->role = roles[i].role;
			c->n_operators++;
			return KE_OK;
		}
	return fault_set(
	        f, KE_VALUE, at->name, "give admin, operator or viewer", "'%.40s' is no role", at->value);
}

static int limit_read(struct server_config *c, const struct ini_line *at, struct fault *f)
{
	for (size_t i = 0; i < COUNT(limits); i++) {
		int64_t value;
		if (strcmp(at->name, limits[i].name) != 0)
			continue;
		int rc = ini_int(at, 0, limits[i].max, &value, f);
		if (rc)
			return rc;
		void *to = (char *)&c->limits + limits[i].at;
		if (limits[i].size == sizeof(size_t))
			*(size_t *)to = (size_t)value;
		else
			*(unsigned *)to = (unsigned)value;
		return KE_OK;
	}
	return ini_unknown(at, f);
}

static bool is_listen(const char *name)
{
	return strncmp(name, "listen", 6) == 0 &&
	       (!name[6] || (name[6] >= '2' && name[6] <= '8' && !name[7]));
}

static int setting_read(void *ctx, const struct ini_line *at, struct fault *f)
{
	struct server_config *c = ctx;

	if (strcmp(at->section, "operators") == 0)
		return operator_read(c, at, f);
	if (strcmp(at->section, "limits") == 0)
		return limit_read(c, at, f);
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (strcmp(at->section, numbers[i].section) == 0 && strcmp(at->name, numbers[i].name) == 0)
			return ini_int(at, numbers[i].min, numbers[i].max, number_at(c, &numbers[i]), f);
	if (strcmp(at->section, "server") == 0 && is_listen(at->name))
		return listen_read(c, at->value, f);
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (strcmp(at->section, "server") != 0 || strcmp(at->name, texts[i].name) != 0)
			continue;
		if (!at->value[0])
			return fault_set(
			        f, KE_VALUE, at->name, "remove the line or give a value", "is empty");
		*text_at(c, &texts[i]) = strdup(at->value);
		return *text_at(c, &texts[i]) ? KE_OK : fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	}
	return ini_unknown(at, f);
}

static int config_check(struct server_config *c, const char *path, struct fault *f)
{
	for (size_t i = 0; i < COUNT(texts); i++)
		if (texts[i].needed && !*text_at(c, &texts[i]))
			return fault_set(
			        f, KE_USAGE, path, "add it", "section [server] lacks '%s'", texts[i].name);
	if (!c->n_listen)
		return fault_set(
		        f, KE_USAGE, path, "add listen = 0.0.0.0:8443", "section [server] lacks 'listen'");
	if (!c->host_ca && !(c->host_ca = strdup(c->host_ca_cert)))
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	int rc = hostid_check("fleet name", c->fleet, f);
	if (rc)
		fault_at(f, "%s", path);
	return rc;
}

int server_config_read(const char *path, struct server_config **ret, struct fault *f)
{
	struct server_config *c = calloc(1, sizeof *c);

	if (!c)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	c->limits = http_limits_default();
	for (size_t i = 0; i < COUNT(numbers); i++)
		*number_at(c, &numbers[i]) = numbers[i].preset;
	int rc = ini_read(path, setting_read, c, f);
	if (!rc)
		rc = config_check(c, path, f);
	if (rc) {
		server_config_free(c);
		return rc;
	}
	*ret = c;
	return KE_OK;
}

void server_config_free(struct server_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < COUNT(texts); i++)
		free(*text_at(c, &texts[i]));
	free(c);
}

struct api_settings server_config_api(const struct server_config *c)
{
	return (struct api_settings){
		.fleet = c->fleet,
		.server_cert = c->cert,
		.host_ca = c->host_ca,
		.host_ca_cert = c->host_ca_cert,
		.host_ca_key = c->host_ca_key,
		.operator_ca = c->operator_ca,
		.repo_root = c->repo_root,
		.host_lifetime = c->host_lifetime,
		.poll = c->poll,
		.operators = c->operators,
		.n_operators = c->n_operators,
	};
}
