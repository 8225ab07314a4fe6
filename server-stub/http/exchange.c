/* exchange.c — what happens to a request before its handler sees it.
 *
 * The order is fixed: parse, route (404, 405), who and whether they may (401, 403), size (413), and only then is a
 * byte of the body read or 100 Continue said. Whatever is refused with its body unread closes the connection, because
 * where the next request begins is then not worth finding out. Called by conn.c.
 */
#include "server-stub/http/exchange.h"

#include <stdlib.h>
#include <string.h>

static void refuse(struct conn *c, int status, const char *detail, const struct http_field *fields)
{
	c->close = c->close || !c->exchange || c->exchange->req.head.content_length > 0;
	conn_problem(c, status, detail, fields);
}

/* NUL-terminated copies of the route's parameters, behind the head. */
static void params_copy(struct exchange *x, char *to)
{
	for (unsigned i = 0; i < x->match.n_params; i++) {
		const struct http_param *p = &x->match.params[i];

		memcpy(to, p->value, p->value_len);
		to[p->value_len] = '\0';
		x->params[i] = to;
		to += p->value_len + 1;
	}
}

/* 200, or the status with which to refuse. The certificate's dates and the application's table are asked for every
 * request: a connection outlives both. */
static int identify(struct conn *c, const char **ret_detail)
{
	struct exchange *x = c->exchange;
	struct http_server *server = c->loop->server;
	enum http_auth auth = x->match.route->auth;
	int rc;

	if (auth == HTTP_AUTH_ANY || auth == HTTP_AUTH_TOKEN || !c->peer.present || !server->config.identify)
		return 200;
	if (clock_wall(server->clock) > c->peer.not_after) {
		*ret_detail = "the client certificate has expired";
		return 401;
	}
	rc = server->config.identify(server->config.app, &c->peer, &x->req.who);
	if (!rc)
		return 200;
	memset(&x->req.who, 0, sizeof x->req.who);
	*ret_detail = rc == KE_FORBIDDEN ? "the client certificate is revoked or not known here" : NULL;
	return rc == KE_FORBIDDEN ? 403 : 503;
}

static bool allowed(struct conn *c)
{
	static const struct http_field challenge[] = { { "WWW-Authenticate", "Basic realm=\"kedge\"" },
		{ NULL, NULL } };
	static const struct http_field later[] = { { "Retry-After", "5" }, { NULL, NULL } };
	struct exchange *x = c->exchange;
	struct http_server *server = c->loop->server;
	const char *detail = NULL;
	int status = identify(c, &detail);

	if (status == 200)
		status = http_auth_judge(
		        &x->match, &x->req.who, http_head_field(&x->req.head, "authorization"));
	if (status == 200)
		return true;
	if (status != 503) {
		count(server, COUNT_UNAUTHORISED, 1);
		if (server->config.refused)
			server->config.refused(
			        server->config.app, &c->peer, &x->req.who, x->match.route, status);
	}
	if (!detail && status == 401)
		detail = x->match.route->auth == HTTP_AUTH_TOKEN ? "an enrolment token is needed"
		                                                 : "a client certificate is needed";
	refuse(c, status, detail,
	        status == 503                                              ? later
	        : status == 401 && x->match.route->auth == HTTP_AUTH_TOKEN ? challenge
	                                                                   : NULL);
	return false;
}

/* The head is accepted: make room for the body, with what has come of it. */
static bool body_begin(struct conn *c)
{
	const struct http_head *head = &c->exchange->req.head;

	if (head->content_length == 0) {
		exchange_dispatch(c);
		return true;
	}
	c->body_len = (size_t)head->content_length;
	c->body = malloc(c->body_len + 1);
	if (!c->body)
		return false;
	c->body_have = c->in_len < c->body_len ? c->in_len : c->body_len;
	memcpy(c->body, c->in, c->body_have);
	memmove(c->in, c->in + c->body_have, c->in_len - c->body_have);
	c->in_len -= c->body_have;
	if (head->expect_continue && c->body_have == 0)
		buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	c->phase = PHASE_BODY;
	conn_deadline(c, c->loop->server->config.limits.body_ms);
	return true;
}

/* Copy the head out of the input and parse it there: the input moves, the request stays. */
static struct exchange *exchange_new(struct conn *c, size_t size, int *ret_status)
{
	size_t params = size < HTTP_TARGET_MAX ? size : HTTP_TARGET_MAX;
	struct exchange *x = malloc(sizeof *x + size + params + 1);

	if (!x)
		return NULL;
	memset(x, 0, sizeof *x);
	memcpy(x->data, c->in, size);
	memmove(c->in, c->in + size, c->in_len - size);
	c->in_len -= size;
	memset(&c->scan, 0, sizeof c->scan);
	*ret_status = -http_head_parse(x->data, size, &x->req.head);
	x->req.app = c->loop->server->config.app;
	x->req.server = c->loop->server;
	x->req.peer = &c->peer;
	x->req.path = x->req.head.path;
	x->req.conn = c;
	return x;
}

bool exchange_begin(struct conn *c, size_t size)
{
	const struct http_config *config = &c->loop->server->config;
	int status;
	struct exchange *x = exchange_new(c, size, &status);

	if (!x)
		return false;
	if (status) {
		free(x);
		refuse(c, status, NULL, NULL);
		return true;
	}
	c->exchange = x;
	status = http_routes_match(
	        config->routes, config->n_routes, x->req.head.method, x->req.path, &x->match);
	if (status != 200) {
		struct http_field allow[] = { { "Allow", x->match.allow }, { NULL, NULL } };
		refuse(c, status, NULL, status == 405 ? allow : NULL);
		return true;
	}
	x->req.route = x->match.route;
	params_copy(x, x->data + size);
	if (!allowed(c))
		return true;
	if (x->req.head.content_length > x->match.route->body_max) {
		refuse(c, 413, NULL, NULL);
		return true;
	}
	return body_begin(c);
}

void exchange_dispatch(struct conn *c)
{
	struct exchange *x = c->exchange;

	if (c->body)
		c->body[c->body_len] = '\0';
	x->req.body = c->body;
	x->req.body_len = c->body ? c->body_len : 0;
	c->phase = PHASE_RUN;
	ev_timer_stop(c->loop->ev, &c->timer);
	x->timed = true;
	x->began = clock_boot_ms(c->loop->server->clock);
	x->match.route->handler(&x->req);
	if (c->phase == PHASE_RUN && !c->deferred)
		conn_problem(c, 500, NULL, NULL);
}

void exchange_end(struct conn *c)
{
	free(c->exchange);
	free(c->body);
	c->exchange = NULL;
	c->body = NULL;
	c->body_len = c->body_have = 0;
}
