/* kedge-server — the control server. This file is its life in order: TLS, configuration, store, API, HTTP, retention and rollouts;
 * then signals (SIGTERM and SIGINT end it gracefully, SIGHUP reads certificates, roles and settings again); then the
 * same in reverse. What it answers is in api/, what it remembers in store/. */
#include <errno.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "certs/tls.h"
#include "proto/log.h"
#include "server-stub/config.h"

#define CONFIG_PATH    "/etc/kedge/server.conf"
#define PRUNE_SECONDS  600
#define LISTEN_MS      100
#define EXIT_BAD_USAGE 2

struct program {
	const char *config_path;
	struct server_config *config;
	struct store *store;
	struct api *api;
	SSL_CTX *tls;
	struct http_server *servers[CONFIG_LISTEN_MAX];
	size_t n_servers;
	/* threads that wait on one condition between their turns, so that the end does not wait for them */
	bool stopping;
	pthread_mutex_t stop_lock; /* guards stopping */
	pthread_cond_t stop_cond;
	pthread_t pruner, leader, listener;
	bool pruning, leading, listening;
	struct store_retention retention;
};

static int complain(const struct fault *f)
{
	char line[1024];

	log_error("%s", fault_line(f, line, sizeof line));
	return 1;
}

static int help(void)
{
	printf("usage: kedge-server [--config FILE] [--check]\n\n"
	       "  --config FILE  read FILE instead of " CONFIG_PATH "\n"
	       "  --check        read the configuration, certificates and keys, say what is wrong, end\n"
	       "  --debug        log more\n"
	       "  --help         this text\n"
	       "  --version      the version\n\n"
	       "SIGTERM ends it gracefully, SIGHUP reads certificates, roles and settings again.\n"
	       "The manual page is kedge-server(8).\n");
	return 0;
}

static int tls_open(const struct server_config *c, SSL_CTX *previous, SSL_CTX **ret, struct fault *f)
{
	const struct tls_server conf = { .cert_path = c->cert,
		.key_path = c->key,
		.host_ca_path = c->host_ca,
		.operator_ca_path = c->operator_ca,
		.clock = &clock_system };

	return tls_server_open(&conf, previous, ret, f);
}

/* ---- start ---- */

/* A connection is a descriptor: take as many as the administrator allows. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int listeners_start(struct program *p, struct fault *f)
{
	const struct server_config *c = p->config;
	struct http_config http = { .threads = (unsigned)c->threads,
		.tls = p->tls,
		.app = p->api,
		.clock = &clock_system,
		.limits = c->limits,
		.identify = api_identify,
		.refused = api_refused };

	http.routes = api_routes(&http.n_routes);
	for (size_t i = 0; i < c->n_listen; i++) {
		http.address = c->listen[i].address;
		http.port = c->listen[i].port;
		int rc = http_server_start(&http, &p->servers[i], f);
		if (rc) {
			fault_at(f, "listen %s:%u", http.address, http.port);
			return rc;
		}
		p->n_servers = i + 1;
		api_serve(p->api, p->servers[i]);
		log_info("listening address=%s port=%u", http.address, http_server_port(p->servers[i]));
	}
	return KE_OK;
}

/* Called with stop_lock held. */
static void pause_ms(struct program *p, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!p->stopping && pthread_cond_timedwait(&p->stop_cond, &p->stop_lock, &until) != ETIMEDOUT)
		;
}

/* A batch at a time, so that reports get in between. */
static void prune(struct program *p)
{
	struct fault f = { 0 };
	uint64_t deleted, all = 0;
	int rc;

	do {
		rc = store_prune(p->store, &p->retention, clock_wall(&clock_system), &deleted, &f);
		all += rc ? 0 : deleted;
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	} while (!rc && deleted);
	if (rc)
		complain(&f);
	if (all)
		log_info("pruned rows=%llu", (unsigned long long)all);
}

static void *pruner_main(void *arg)
{
	struct program *p = arg;

	pthread_mutex_lock(&p->stop_lock);
	while (!p->stopping) {
		pthread_mutex_unlock(&p->stop_lock);
		prune(p);
		pthread_mutex_lock(&p->stop_lock);
		pause_ms(p, PRUNE_SECONDS * 1000);
	}
	pthread_mutex_unlock(&p->stop_lock);
	return NULL;
}

/* RUN again and again until the end, LEAST_MS apart or ten times as long as it took. What goes wrong is said once. */
static void turns(struct program *p, int (*run)(struct api *api, struct fault *f), int64_t least_ms)
{
	int said = 0;

	pthread_mutex_lock(&p->stop_lock);
	while (!p->stopping) {
		struct fault f = { 0 };
		pthread_mutex_unlock(&p->stop_lock);
		int64_t begun = clock_boot_ms(&clock_system);
		int rc = run(p->api, &f);
		int64_t took = 10 * (clock_boot_ms(&clock_system) - begun);
		if (rc && rc != said)
			complain(&f);
		said = rc;
		pthread_mutex_lock(&p->stop_lock);
		pause_ms(p, took > least_ms ? took : least_ms);
	}
	pthread_mutex_unlock(&p->stop_lock);
}

static void *leader_main(void *arg)
{
	turns(arg, api_lead, 1000);
	return NULL;
}

static void *listener_main(void *arg)
{
	turns(arg, api_listen, LISTEN_MS);
	return NULL;
}

static int start(struct program *p, struct fault *f)
{
	const struct server_config *c = p->config;
	const struct store_config store = { .where = c->store };
	const struct api_settings settings = server_config_api(c);
	int rc = tls_open(c, NULL, &p->tls, f);

	if (!rc)
		rc = store_open(&store, &p->store, f);
	if (!rc)
		rc = api_open(p->store, &clock_system, (unsigned)c->workers, &settings, &p->api, f);
	if (!rc)
		rc = listeners_start(p, f);
	if (rc)
		return rc;
	p->retention = (struct store_retention){ .raw_days = (unsigned)c->raw_days,
		.long_days = (unsigned)c->audit_days };
	p->pruning = pthread_create(&p->pruner, NULL, pruner_main, p) == 0;
	p->leading = pthread_create(&p->leader, NULL, leader_main, p) == 0;
	p->listening = pthread_create(&p->listener, NULL, listener_main, p) == 0;
	return p->pruning && p->leading && p->listening
	               ? KE_OK
	               : fault_set(f, KE_SYSTEM, "threads", NULL, "a thread cannot be started");
}

/* ---- while it runs ---- */

/* All of the new settings, or none. Addresses, the store and the numbers of threads need a restart. */
static void reload(struct program *p)
{
	struct server_config *c = NULL;
	SSL_CTX *tls = NULL;
	struct fault f = { 0 };
	int rc = server_config_read(p->config_path, &c, &f);

	if (!rc)
		rc = tls_open(c, p->tls, &tls, &f);
	if (!rc) {
		const struct api_settings settings = server_config_api(c);
		rc = api_reload(p->api, &settings, &f);
	}
	for (size_t i = 0; !rc && i < p->n_servers; i++)
		rc = http_server_tls(p->servers[i], tls, &f);
	if (rc) {
		complain(&f);
		log_warning("not reloaded: the settings from before stay in force");
		SSL_CTX_free(tls);
		server_config_free(c);
		return;
	}
	SSL_CTX_free(p->tls);
	p->tls = tls;
	server_config_free(p->config);
	p->config = c;
	log_info("reloaded operators=%zu", c->n_operators);
}

static void run(struct program *p, const sigset_t *signals)
{
	for (;;) {
		int sig = 0;
		if (sigwait(signals, &sig))
			continue;
		if (sig == SIGHUP) {
			reload(p);
			continue;
		}
		log_info("ending signal=%d", sig);
		return;
	}
}

/* ---- end, in reverse ---- */

static void stop(struct program *p)
{
	unsigned grace = p->config ? (unsigned)p->config->shutdown_grace * 1000 : 0;

	for (size_t i = 0; i < p->n_servers; i++)
		http_server_stop(p->servers[i], grace);
	pthread_mutex_lock(&p->stop_lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->stop_cond);
	pthread_mutex_unlock(&p->stop_lock);
	if (p->pruning)
		pthread_join(p->pruner, NULL);
	if (p->leading)
		pthread_join(p->leader, NULL);
	if (p->listening)
		pthread_join(p->listener, NULL);
	/* Workers may still submit, and the store's writer answers into servers that have stopped but exist. */
	if (p->api)
		api_drain(p->api);
	store_close(p->store);
	for (size_t i = 0; i < p->n_servers; i++)
		http_server_free(p->servers[i]);
	api_close(p->api);
	SSL_CTX_free(p->tls);
	server_config_free(p->config);
}

/* Everything that start() would read, without opening the store or a socket. */
static int check(struct program *p, struct fault *f)
{
	const struct api_settings settings = server_config_api(p->config);
	int rc = tls_open(p->config, NULL, &p->tls, f);

	if (!rc)
		rc = api_open(NULL, &clock_system, 1, &settings, &p->api, f);
	if (!rc)
		printf("%s: good, %zu address%s, %zu operator%s\n", p->config_path, p->config->n_listen,
		        p->config->n_listen == 1 ? "" : "es", p->config->n_operators,
		        p->config->n_operators == 1 ? "" : "s");
	return rc;
}

static int arguments(int argc, char **argv, struct program *p, bool *ret_check)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 't' }, { "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 } };
	int opt;

	while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		if (opt == 'h')
			exit(help());
		if (opt == 'V') {
			printf("kedge-server " KEDGE_VERSION "\n");
			exit(0);
		}
		if (opt == 'c')
			p->config_path = optarg;
		else if (opt == 't')
			*ret_check = true;
		else if (opt == 'd')
			log_open("kedge-server", LOG_LEVEL_DEBUG);
		else
			return KE_USAGE;
	}
	if (optind == argc)
		return KE_OK;
	log_error("unexpected argument '%s' (see kedge-server --help)", argv[optind]);
	return KE_USAGE;
}

int main(int argc, char **argv)
{
	struct program p = { .config_path = CONFIG_PATH,
		.stop_lock = PTHREAD_MUTEX_INITIALIZER,
		.stop_cond = PTHREAD_COND_INITIALIZER };
	bool only_check = false;
	struct fault f = { 0 };
	sigset_t signals;

	log_open("kedge-server", LOG_LEVEL_INFO);
	int rc = tls_init(&f);
	if (!rc && arguments(argc, argv, &p, &only_check))
		return EXIT_BAD_USAGE;
	/* Blocked before the first thread exists: all signals come to sigwait(). */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!rc)
		rc = server_config_read(p.config_path, &p.config, &f);
	if (!rc && only_check)
		rc = check(&p, &f);
	else if (!rc) {
		descriptors_raise();
		rc = start(&p, &f);
		if (!rc) {
			log_info("ready fleet=%s version=" KEDGE_VERSION, p.config->fleet);
			run(&p, &signals);
		}
	}
	stop(&p);
	return rc ? complain(&f) : 0;
}
