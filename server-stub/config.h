/* config.h — server.conf as a struct.
 *
 * Section [server]: fleet, listen (address:port, several separated by commas; also listen2 ... listen8), cert, key,
 * host_ca, host_ca_cert, host_ca_key, operator_ca, store, threads, workers, repo_root, host_lifetime, poll,
 * shutdown_grace. [operators]: NAME = admin | operator | viewer. [limits]: the members of struct http_limits.
 * [retention]: raw_days, audit_days. The manual page kedge-server(8) says what each means.
 */
#ifndef KEDGE_SERVER_CONFIG_H
#define KEDGE_SERVER_CONFIG_H

#include "server-stub/api/api.h"
#include "server-stub/http/server.h"

#define CONFIG_LISTEN_MAX    8
#define CONFIG_OPERATORS_MAX 256

struct config_listen {
	char address[64]; /* numeric */
	uint16_t port;
};

struct server_config {
	struct config_listen listen[CONFIG_LISTEN_MAX];
	size_t n_listen;
	char *fleet, *cert, *key, *host_ca, *host_ca_cert, *host_ca_key, *operator_ca, *store, *repo_root;
	int64_t threads, workers, host_lifetime, poll, shutdown_grace;
	struct api_operator operators[CONFIG_OPERATORS_MAX];
	size_t n_operators;
	struct http_limits limits;
	int64_t raw_days, audit_days;
};

/* Read PATH and check what can be checked without opening anything else. Every error names file and line; a missing
 * setting names the file. server_config_free() *RET. KE_USAGE and the codes of ini.h. */
int server_config_read(const char *path, struct server_config **ret, struct fault *f);
void server_config_free(struct server_config *c);
/* The part that the API wants; its strings belong to C. */
struct api_settings server_config_api(const struct server_config *c);

#endif
