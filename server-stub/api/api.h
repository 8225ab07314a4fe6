/* api.h — what kedge-server answers: one file a resource, one table of routes.
 *
 * The API sits between http/ (requests, identities, tickets) and store/ (rows). It holds no state of its own but what
 * settings say and a cached list of the published rollouts, so that several servers may stand on one store.
 */
#ifndef KEDGE_SERVER_API_API_H
#define KEDGE_SERVER_API_API_H

#include <stddef.h>
#include <stdint.h>

#include "proto/clock.h"
#include "proto/err.h"
#include "server-stub/http/server.h"
#include "server-stub/store/store.h"

#define API_SERVERS_MAX 8

struct api;

struct api_operator {
	char name[64];
	enum http_role role;
};

/* What may change while the server runs. Paths are read by api_open() and api_reload() only. */
struct api_settings {
	const char *fleet;
	const char *server_cert;  /* PEM, ending in the server CA: the pin of tokens */
	const char *host_ca;      /* PEM: the CAs that vouch for hosts, the issuing one among them */
	const char *host_ca_cert; /* the CA that issues, and its key */
	const char *host_ca_key;
	const char *operator_ca; /* PEM: the CAs that vouch for operators */
	const char *repo_root;   /* the trusted first root.json; NULL: the first one published */
	int64_t host_lifetime;   /* seconds of a host's certificate; 0: the profile's */
	int64_t poll;            /* seconds an agent's poll takes: a host unheard of for three is offline */
	const struct api_operator *operators;
	size_t n_operators;
};

/* Make the API over STORE, which must outlive it. WORKERS threads do what must not block a loop. Nothing of SETTINGS
 * is kept. Errors: those of certs/ (files, keys), KE_MISMATCH, KE_NOMEM, KE_SYSTEM. */
int api_open(struct store *store, const struct clock *clock, unsigned workers,
        const struct api_settings *settings, struct api **ret, struct fault *f);
/* Put other settings in force, all of them or (on error) none. Any thread. */
int api_reload(struct api *api, const struct api_settings *settings, struct fault *f);
/* Name a server that runs on this API: all of them (at most API_SERVERS_MAX) are told of publications and revocations.
 * It must outlive api_drain(). */
void api_serve(struct api *api, struct http_server *server);
/* Let rollouts go on: to be called about once a second, from one thread. 0 also when another server process does it. */
int api_lead(struct api *api, struct fault *f);
/* Wake the hosts that wait here for what another process has published or decided. Some ten times a second. */
int api_listen(struct api *api, struct fault *f);
/* Finish what the workers have begun or been given. After http_server_stop(), before store_close(). */
void api_drain(struct api *api);
/* After store_close(). NULL is fine. */
void api_close(struct api *api);

/* The route table, for http_config.routes. */
const struct http_route *api_routes(size_t *ret_n);
/* For http_config.identify and .refused; APP is the struct api. */
int api_identify(void *app, const struct http_peer *peer, struct http_identity *ret);
void api_refused(void *app, const struct http_peer *peer, const struct http_identity *who,
        const struct http_route *route, int status);

#endif
