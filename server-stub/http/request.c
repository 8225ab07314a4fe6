/* request.c — the handlers' side of a request.
 *
 * Thin: reading goes to the parsed head, answering to conn.c, and whatever may come from another thread becomes a
 * message to the loop that the ticket names. Refuses (quietly, or with KE_CLOSED) to do anything with a request that
 * is answered already. Called by handlers, continuations, and the threads that work for them.
 */
#include "server-stub/http/request.h"

#include <stdlib.h>
#include <string.h>

#include "server-stub/http/conn.h"
#include "server-stub/http/parking.h"
#include "server-stub/http/problem.h"

const char *http_param(const struct http_request *req, const char *name)
{
	const struct exchange *x = req->conn->exchange;
	size_t len = strlen(name);

	for (unsigned i = 0; i < x->match.n_params; i++)
		if (x->match.params[i].name_len == len && memcmp(x->match.params[i].name, name, len) == 0)
			return x->params[i];
	return NULL;
}

const char *http_field_get(const struct http_request *req, const char *name)
{
	return http_head_field(&req->head, name);
}

int http_query(const struct http_request *req, const char *name, char *text, size_t size)
{
	return http_query_get(req->head.query, name, text, size);
}

char *http_body_take(struct http_request *req, size_t *ret_len)
{
	char *body = req->conn->body;

	*ret_len = req->body_len;
	req->conn->body = NULL;
	req->body = NULL;
	req->body_len = 0;
	return body;
}

/* Weak comparison (RFC 9110 section 13.1.2) of each member of a list of entity tags. */
bool http_etag_matches(const struct http_request *req, const char *etag)
{
	const char *p = http_head_field(&req->head, "if-none-match");
	size_t len = strlen(etag);

	if (!p)
		return false;
	if (strcmp(p, "*") == 0)
		return true;
	while (*p) {
		p += strspn(p, " \t,");
		if (strncmp(p, "W/", 2) == 0)
			p += 2;
		if (*p != '"')
			return false;
		const char *end = strchr(p + 1, '"');
		if (!end)
			return false;
		end++;
		if ((size_t)(end - p) == len && memcmp(p, etag, len) == 0)
			return true;
		p = end;
	}
	return false;
}

void http_reply(struct http_request *req, int status, const char *type, const void *body, size_t len,
        const struct http_field *headers)
{
	conn_answer(req->conn, status, type, body, len, headers);
}

void http_close_after(struct http_request *req)
{
	req->conn->close = true;
}

bool http_defer(struct http_request *req, struct http_ticket *ret)
{
	struct conn *c = req->conn;
	struct http_server *server = req->server;

	if (c->phase != PHASE_RUN || c->deferred)
		return false;
	if (count_get(server, COUNT_DEFERRED) >= server->config.limits.deferred) {
		http_problem_busy(req, 503, 2, "too many requests are being worked on");
		return false;
	}
	c->deferred = true;
	c->serial = ++c->loop->serial;
	count(server, COUNT_DEFERRED, 1);
	conn_deadline(c, server->config.limits.run_ms);
	*ret = (struct http_ticket){ .loop = c->loop->index, .slot = c->slot, .serial = c->serial };
	return true;
}

/* Appends LEN bytes and a NUL at *AT; returns where they are. */
static const char *pack(char **at, const void *data, size_t len)
{
	char *here = *at;

	if (len)
		memcpy(here, data, len);
	here[len] = '\0';
	*at = here + len + 1;
	return here;
}

/* One allocation that holds everything the answer needs. The fields come first, for their alignment. */
static struct msg *msg_reply(
        int status, const char *type, const void *body, size_t len, const struct http_field *fields)
{
	size_t n = 0;
	size_t size = (type ? strlen(type) : 0) + 2;

	if (__builtin_add_overflow(size, len, &size))
		return NULL;
	for (; fields && fields[n].name; n++)
		size += strlen(fields[n].name) + strlen(fields[n].value) + 2;
	size += (n + 1) * sizeof *fields;
	struct msg *msg = msg_new(MSG_REPLY, size + sizeof *fields);
	if (!msg)
		return NULL;
	size_t off = -(uintptr_t)msg->data % _Alignof(struct http_field);
	struct http_field *copies = (struct http_field *)(void *)(msg->data + off);
	char *at = (char *)(copies + n + 1);
	for (size_t i = 0; i < n; i++) {
		copies[i].name = pack(&at, fields[i].name, strlen(fields[i].name));
		copies[i].value = pack(&at, fields[i].value, strlen(fields[i].value));
	}
	copies[n] = (struct http_field){ NULL, NULL };
	msg->reply = (struct reply){ .status = status, .fields = copies, .len = len };
	msg->reply.type = type ? pack(&at, type, strlen(type)) : NULL;
	msg->reply.body = pack(&at, body, len);
	return msg;
}

int http_reply_later(struct http_server *server, struct http_ticket ticket, int status, const char *type,
        const void *body, size_t len, const struct http_field *headers)
{
	struct msg *msg = msg_reply(status, type, body, len, headers);

	if (!msg)
		return KE_NOMEM;
	msg->ticket = ticket;
	if (ticket.loop >= server->n_loops || !loop_post(&server->loops[ticket.loop], msg))
		free(msg);
	return KE_OK;
}

int http_resume(struct http_server *server, struct http_ticket ticket, http_resume_fn *fn, void *arg)
{
	struct msg *msg = msg_new(MSG_RESUME, 0);

	if (!msg)
		return KE_NOMEM;
	msg->ticket = ticket;
	msg->fn = fn;
	msg->arg = arg;
	if (ticket.loop >= server->n_loops || !loop_post(&server->loops[ticket.loop], msg)) {
		free(msg);
		fn(NULL, arg);
	}
	return KE_OK;
}

int http_watch(struct http_request *req, const char *key)
{
	return req->conn->phase == PHASE_RUN ? parking_watch(req->conn, key) : KE_CLOSED;
}

int http_park(struct http_request *req, const char *key, unsigned wait_ms, http_wake_fn *fn, void *arg)
{
	struct conn *c = req->conn;
	int rc;

	if (c->phase != PHASE_RUN || c->deferred)
		return KE_CLOSED;
	if (key && (rc = parking_watch(c, key)))
		return rc;
	if (!c->key)
		return KE_USAGE;
	free(c->body);
	c->body = NULL;
	req->body = NULL;
	req->body_len = 0;
	parking_park(c, wait_ms, fn, arg);
	return KE_OK;
}

int http_wake(struct http_server *server, const char *key)
{
	size_t size = strlen(key) + 1;

	for (unsigned i = 0; i < server->n_loops; i++) {
		struct msg *msg = msg_new(MSG_WAKE, size);
		if (!msg)
			return KE_NOMEM;
		memcpy(msg->data, key, size);
		if (!loop_post(&server->loops[i], msg))
			free(msg);
	}
	return KE_OK;
}
