/* api.c — the handle: opened over a store, given other settings on a reload, drained and closed in reverse order.
 * Called by main.c and by tests. */
#include <stdlib.h>
#include <string.h>

#include "server-stub/api/board.h"
#include "server-stub/api/settings.h"

int api_open(struct store *store, const struct clock *clock, unsigned workers,
        const struct api_settings *settings, struct api **ret, struct fault *f)
{
	struct api *api = calloc(1, sizeof *api);

	if (!api)
		return fault_set(f, KE_NOMEM, NULL, NULL, "%s", "");
	api->store = store;
	api->clock = clock ? clock : &clock_system;
	pthread_rwlock_init(&api->lock, NULL);
	pthread_mutex_init(&api->catalogue_lock, NULL);
	pthread_mutex_init(&api->board_lock, NULL);
	pthread_mutex_init(&api->lead.lock, NULL);
	pthread_mutex_init(&api->lead.told_lock, NULL);
	pthread_mutex_init(&api->servers_lock, NULL);
	int rc = settings_load(settings, &api->settings, f);
	if (!rc)
		rc = worker_start(workers, &api->worker, f);
	if (rc)
		api_close(api);
	else
		*ret = api;
	return rc;
}

int api_reload(struct api *api, const struct api_settings *settings, struct fault *f)
{
	struct settings *s = NULL;
	int rc = settings_load(settings, &s, f);

	if (rc)
		return rc;
	pthread_rwlock_wrlock(&api->lock);
	struct settings *old = api->settings;
	api->settings = s;
	pthread_rwlock_unlock(&api->lock);
	settings_free(old);
	return KE_OK;
}

const struct settings *settings_hold(struct api *api)
{
	pthread_rwlock_rdlock(&api->lock);
	return api->settings;
}

void settings_let(struct api *api)
{
	pthread_rwlock_unlock(&api->lock);
}

void api_drain(struct api *api)
{
	worker_stop(api->worker);
	if (api->store)
		lead_end(api);
}

int api_lead(struct api *api, struct fault *f)
{
	return lead_pass(api, f);
}

int api_listen(struct api *api, struct fault *f)
{
	return lead_listen(api, f);
}

void api_close(struct api *api)
{
	if (!api)
		return;
	worker_free(api->worker);
	if (api->board)
		board_let(api, api->board);
	if (api->catalogue)
		catalogue_let(api, api->catalogue);
	settings_free(api->settings);
	pthread_mutex_destroy(&api->servers_lock);
	pthread_mutex_destroy(&api->lead.lock);
	pthread_mutex_destroy(&api->lead.told_lock);
	pthread_mutex_destroy(&api->board_lock);
	pthread_mutex_destroy(&api->catalogue_lock);
	pthread_rwlock_destroy(&api->lock);
	free(api);
}

void api_serve(struct api *api, struct http_server *server)
{
	pthread_mutex_lock(&api->servers_lock);
	if (api->n_servers < API_SERVERS_MAX)
		api->servers[api->n_servers++] = server;
	pthread_mutex_unlock(&api->servers_lock);
}

/* Without memory for the message polls end by their time, and connections at their next request. */
void api_wake(struct api *api, const char *key)
{
	pthread_mutex_lock(&api->servers_lock);
	for (size_t i = 0; i < api->n_servers; i++)
		http_wake(api->servers[i], key);
	pthread_mutex_unlock(&api->servers_lock);
}

void api_drop(struct api *api, const unsigned char cert_sha256[SHA256_LEN])
{
	pthread_mutex_lock(&api->servers_lock);
	for (size_t i = 0; i < api->n_servers; i++)
		http_server_drop(api->servers[i], cert_sha256);
	pthread_mutex_unlock(&api->servers_lock);
}

int64_t api_now(const struct api *api)
{
	return clock_wall(api->clock);
}
