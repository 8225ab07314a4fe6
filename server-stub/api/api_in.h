/* api_in.h — what the files of the API share: the handle, settings in force, answers, tasks for the workers. Private. */
#ifndef KEDGE_SERVER_API_API_IN_H
#define KEDGE_SERVER_API_API_IN_H

#include <pthread.h>
#include <stdbool.h>

#include "certs/issue.h"
#include "proto/buf.h"
#include "proto/codec.h"
#include "proto/jsonw.h"
#include "proto/strict.h"
#include "server-stub/api/api.h"
#include "server-stub/api/catalogue.h"
#include "server-stub/api/lead.h"
#include "server-stub/api/worker.h"
#include "server-stub/http/problem.h"

#define API_CAS_MAX       16
#define API_LIST_DEFAULT  100
#define API_LIST_MAX      1000
#define API_REPLY_MAX     (32u << 20)
#define API_MIA_SECONDS   86400
#define API_JSON          "application/json"
#define API_TIME_IN_STORE ((int64_t)1 << 40) /* an upper end for times that a client names */

/* Settings as they were read; immutable. */
struct settings {
	char fleet[64];
	struct ca *host_ca;
	unsigned char host_cas[API_CAS_MAX][SHA256_LEN]; /* fingerprints */
	size_t n_host_cas;
	unsigned char operator_cas[API_CAS_MAX][SHA256_LEN];
	size_t n_operator_cas;
	char *cacerts; /* the body of /cacerts */
	size_t cacerts_len;
	unsigned char pin[SHA256_LEN];
	char *repo_root; /* bytes of the trusted first root; NULL: pinned on first publication */
	size_t repo_root_len;
	int64_t host_lifetime, poll;
	struct api_operator *operators;
	size_t n_operators;
};

struct api {
	struct store *store;
	const struct clock *clock;
	struct worker *worker;
	pthread_rwlock_t lock; /* guards the pointer: readers hold it while they use the settings */
	struct settings *settings;
	pthread_mutex_t catalogue_lock; /* guards catalogue */
	struct catalogue *catalogue;    /* NULL: not loaded yet */
	pthread_mutex_t board_lock;     /* guards board */
	struct board *board;            /* NULL: not loaded yet */
	struct lead lead;
	pthread_mutex_t servers_lock; /* guards the two below */
	struct http_server *servers[API_SERVERS_MAX];
	size_t n_servers;
};

const struct settings *settings_hold(struct api *api);
void settings_let(struct api *api);

/* ---- answers: at once, or through a ticket from another thread ---- */

struct answer {
	struct http_request *req; /* NULL: later */
	struct http_server *server;
	struct http_ticket ticket;
};

struct answer answer_now(struct http_request *req);
/* Defer REQ. false: it was answered with 503 already. */
bool answer_later(struct http_request *req, struct answer *ret);

void answer_bytes(const struct answer *a, int status, const char *type, const void *body, size_t len,
        const struct http_field *fields);
void answer_empty(const struct answer *a, int status);
/* JSON holds a document, or an error that sticks in it: 500 then. Frees it. */
void answer_json(const struct answer *a, int status, struct buf *json);
/* A problem with the fault's words; the status follows from CODE. */
void answer_fault(const struct answer *a, int code, const struct fault *f);
/* The same with a status of the caller's. */
void answer_fault_as(const struct answer *a, int status, int code, const struct fault *f);
/* The same in two halves, for problems with further members. Retry-After is set by the status. */
void problem_open(struct jsonw *w, int status, int code, const struct fault *f);
void problem_send(const struct answer *a, int status, struct jsonw *w);
int status_of(int code);

/* ---- questions ---- */

/* A query parameter: 1 there, 0 absent, or a negative code with a fault. */
int query_text(struct http_request *req, const char *name, char *text, size_t size, struct fault *f);
/* A decimal number within bounds, PRESET when absent. */
int query_int(struct http_request *req, const char *name, int64_t min, int64_t max, int64_t preset,
        int64_t *ret, struct fault *f);
/* limit and a cursor named CURSOR. page->limit asks for one more than *ret_show. */
int query_page(struct http_request *req, const char *cursor, struct store_page *ret, size_t *ret_show,
        struct fault *f);
/* There is news for KEY, at every server. */
void api_wake(struct api *api, const char *key);
/* End every connection with this certificate, at every server. */
void api_drop(struct api *api, const unsigned char cert_sha256[SHA256_LEN]);
int64_t api_now(const struct api *api);

/* Who acts: names that live as long as the struct. */
struct actor {
	char name[160];
	struct store_actor as;
};
void actor_of(struct actor *a, const struct http_request *req);

/* ---- tasks ---- */

/* What every deferred request carries to a worker; the first member of a resource's own task. */
struct task {
	struct api *api;
	struct answer answer;
	struct actor actor;
	char *body; /* owned */
	size_t body_len;
};
/* Fill T (allocated by the caller, SIZE is its whole size for the worker to free) from REQ and hand it to RUN on a
 * worker. false: REQ was answered; the caller frees its own members and T. */
bool task_start(struct http_request *req, struct task *t, worker_fn *run);
/* Free the common members and T itself. */
void task_free(struct task *t);

/* A question whose answer takes a walk over the fleet: asked on a worker, with the parameter PARAM of the path (NULL:
 * none) in name. RUN ends with task_free(). */
struct question {
	struct task task;
	char name[128]; /* "" none */
};
void question_start(struct http_request *req, const char *param, worker_fn *run);

/* ---- the handlers, by file ---- */

http_handler est_cacerts, est_simpleenroll, est_simplereenroll;                 /* est.c */
http_handler repo_metadata, repo_target;                                        /* repo.c */
http_handler publish_put;                                                       /* publish.c */
http_handler assignment_get;                                                    /* assignment.c */
http_handler reports_post;                                                      /* reports.c */
http_handler hosts_list, hosts_get, hosts_reports, hosts_sockets, hosts_delete; /* hosts.c */
http_handler drift_list;                                                        /* drift.c */
http_handler refusals_list;                                                     /* refusals.c */
http_handler rollouts_list, rollouts_get;                                       /* rollouts.c */
http_handler rollouts_of_host;                                                  /* rollout_explain.c */
http_handler rollouts_history;                                                  /* rollout_history.c */
http_handler rollouts_pause, rollouts_resume, rollouts_abort, rollouts_retry;   /* rollout_commands.c */
http_handler tokens_create, tokens_list, tokens_delete;                         /* tokens.c */
http_handler audit_list;                                                        /* audit.c */
http_handler metrics_get;                                                       /* metrics.c */
http_handler health_live, health_ready;                                         /* health.c */

#endif
