/* client.c — libcurl, and nothing else of libcurl anywhere. Trust comes from certs/tls.h alone: neither the system's CAs
 * nor the environment's proxies have a say. Why a connection did not come about is told in one sentence. Called by every
 * command that asks the server. */
#include "server-stub/ctl/client.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <curl/curl.h>

#include "certs/tls.h"
#include "proto/reader.h"

struct client {
	const struct ctl_config *conf;
	const struct clock *clock;
	CURL *curl;
	char *base; /* URL without a slash at the end */
	char *name; /* the host in it, without brackets */
	char *passphrase;
	struct verdict verdict;
	struct fault tls; /* what tls_client_configure() found */
	char words[CURL_ERROR_SIZE];
};

static int no_memory(struct fault *f)
{
	return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
}

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct buf *answer = ctx;

	buf_bytes(answer, data, size * n);
	return answer->rc ? 0 : size * n;
}

static CURLcode configure(CURL *curl, void *ssl_ctx, void *ctx)
{
	struct client *c = ctx;
	struct tls_client conf = {
		.server_name = c->name,
		.ca_path = c->conf->ca,
		.cert_path = c->conf->cert,
		.key_path = c->conf->key,
		.passphrase = c->passphrase,
		.clock = c->clock,
		.verdict = &c->verdict,
	};

	(void)curl;
	return tls_client_configure(ssl_ctx, &conf, &c->tls) ? CURLE_SSL_CERTPROBLEM : CURLE_OK;
}

/* ---- opening ---- */

static int url_read(struct client *c, const char *url, struct fault *f)
{
	CURLU *u = curl_url();
	char *host = NULL, *path = NULL;
	int rc = KE_OK;

	if (!u)
		return no_memory(f);
	if (strncmp(url, "https://", 8) != 0 || curl_url_set(u, CURLUPART_URL, url, 0) ||
	        curl_url_get(u, CURLUPART_HOST, &host, 0) || curl_url_get(u, CURLUPART_PATH, &path, 0) ||
	        strcmp(path, "/") != 0 || strpbrk(url, "?#@"))
		rc = fault_set(
		        f, KE_USAGE, NULL, "write https://NAME:PORT", "'%.200s' is no server's address", url);
	if (!rc) {
		size_t len = strlen(host);
		c->base = strdup(url);
		c->name = host[0] == '[' && len > 2 ? strndup(host + 1, len - 2) : strdup(host);
		if (!c->base || !c->name)
			rc = no_memory(f);
		else if (c->base[strlen(c->base) - 1] == '/')
			c->base[strlen(c->base) - 1] = '\0';
	}
	curl_free(host);
	curl_free(path);
	curl_url_cleanup(u);
	return rc;
}

static int conf_check(const struct ctl_config *conf, struct fault *f)
{
	if (!conf->url)
		return fault_set(f, KE_USAGE, NULL,
		        "give --server https://NAME:PORT, or [server] url in cli.conf", "no server is named");
	if (!conf->ca)
		return fault_set(f, KE_USAGE, NULL, "give --ca FILE, or [server] ca in cli.conf",
		        "no CA is named to know the server by");
	if (!conf->cert != !conf->key)
		return fault_set(f, KE_USAGE, NULL, NULL, "--cert and --key belong together");
	return KE_OK;
}

static int curl_prepare(struct client *c, struct fault *f)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return fault_set(f, KE_SYSTEM, NULL, NULL, "libcurl does not start");
	c->curl = curl_easy_init();
	if (!c->curl)
		return no_memory(f);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_SSL_CTX_FUNCTION, configure);
	curl_easy_setopt(c->curl, CURLOPT_SSL_CTX_DATA, c);
	curl_easy_setopt(c->curl, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c->curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 120L);
	curl_easy_setopt(c->curl, CURLOPT_USERAGENT, "kedge/" KEDGE_VERSION);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->words);
	return KE_OK;
}

int client_open(
        const struct ctl_config *conf, const struct clock *clock, struct client **ret, struct fault *f)
{
	struct client *c = NULL;
	int rc = conf_check(conf, f);

	if (rc)
		return rc;
	c = calloc(1, sizeof *c);
	if (!c)
		return no_memory(f);
	c->conf = conf;
	c->clock = clock;
	rc = tls_init(f); /* before libcurl starts OpenSSL in its own way */
	if (!rc)
		rc = url_read(c, conf->url, f);
	if (!rc)
		rc = passphrase_read(conf->passphrase_file, &c->passphrase, f);
	if (!rc)
		rc = curl_prepare(c, f);
	if (rc)
		client_close(c);
	else
		*ret = c;
	return rc;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	if (c->curl)
		curl_easy_cleanup(c->curl);
	passphrase_free(c->passphrase);
	free(c->base);
	free(c->name);
	free(c);
}

/* ---- asking ---- */

void client_quote(struct buf *url, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

	for (; *text; text++)
		if (strchr(plain, *text))
			buf_char(url, *text);
		else
			buf_fmt(url, "%%%02X", (unsigned char)*text);
}

static int code_by_name(const char *name)
{
	for (int code = -1; code > -100; code--)
		if (strcmp(err_name(code), name) == 0)
			return code;
	return KE_HTTP;
}

int client_problem(const char *body, size_t len, long status, struct fault *f)
{
	const struct strict_limits limits = { .max_bytes = 65536, .max_nodes = 1000, .max_depth = 8 };
	struct cJSON *tree = NULL;
	const char *detail = NULL, *name = NULL, *title = NULL;
	int code = KE_HTTP;

	if (!strict_parse(body, len, &limits, &tree, NULL)) {
		struct place at = place_root(tree);
		if (read_opt_string(&at, "detail", 4096, &detail, NULL, NULL))
			detail = NULL;
		if (read_opt_string(&at, "title", 4096, &title, NULL, NULL))
			title = NULL;
		if (!read_opt_string(&at, "code", 64, &name, NULL, NULL) && name)
			code = code_by_name(name);
	}
	/* Without one of our codes the status says the most. */
	if (code == KE_HTTP)
		code = status == 404                    ? KE_NOENT
		       : status == 401 || status == 403 ? KE_FORBIDDEN
		       : status == 503 || status == 429 ? KE_BUSY
		                                        : KE_HTTP;
	/* Not "exists already" on this machine: a conflict with what the server holds. */
	if (status == 409 && code == KE_EXIST)
		code = KE_CONFLICT;
	if (detail || title)
		fault_set(f, code, "server", NULL, "%s (%ld)", detail ? detail : title, status);
	else
		fault_set(f, code, "server", NULL, "answered with status %ld", status);
	cJSON_Delete(tree);
	return code;
}

/* Why there is no answer. */
static int no_answer(struct client *c, CURLcode code, const struct buf *answer, struct fault *f)
{
	if (answer->rc == KE_TOOBIG)
		return fault_set(
		        f, KE_TOOBIG, c->base, "ask for less with --limit", "the answer is too large");
	if (c->tls.code) {
		*f = c->tls;
		return f->code;
	}
	if (c->verdict.reason != VERIFY_OK) {
		int rc = verdict_fault(&c->verdict, f);
		fault_at(f, "%s", c->base);
		return rc;
	}
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return fault_set(f, KE_NOENT, c->base, "look at the name in the address", "no such host");
	case CURLE_COULDNT_CONNECT:
		return fault_set(f, KE_CLOSED, c->base, "is the server running, and is the port right?",
		        "cannot be reached: %s", c->words[0] ? c->words : curl_easy_strerror(code));
	case CURLE_OPERATION_TIMEDOUT:
		return fault_set(f, KE_TIMEOUT, c->base, NULL, "did not answer in time");
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
		/* With TLS 1.3 a refused client certificate shows only when the first answer is read. */
		return fault_set(f, KE_TLS, c->base,
		        c->conf->cert ? "is your certificate from this fleet's operator CA, and not expired?"
		                      : "give your certificate with --cert and --key",
		        "the connection was ended: %s", c->words[0] ? c->words : curl_easy_strerror(code));
	default:
		return fault_set(
		        f, KE_HTTP, c->base, NULL, "%s", c->words[0] ? c->words : curl_easy_strerror(code));
	}
}

static CURLcode perform(
        struct client *c, const char *method, const char *url, const void *body, size_t len, struct buf *ret)
{
	struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/json");
	/* Without it a large body waits a second for a "100 Continue". */
	struct curl_slist *more = curl_slist_append(fields, "Expect:");

	curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	if (body) {
		curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
		curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, more ? more : fields);
	} else {
		curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
	}
	curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, ret);
	c->words[0] = '\0';
	c->tls = (struct fault){ 0 };
	CURLcode code = curl_easy_perform(c->curl);
	curl_slist_free_all(more ? more : fields);
	return code;
}

int client_call(struct client *c, const char *method, const char *path, const void *body, size_t len,
        struct buf *ret, struct fault *f)
{
	struct buf url = BUF_INIT(8192);
	long status = 0;

	buf_fmt(&url, "%s%s", c->base, path);
	if (url.rc) {
		buf_free(&url);
		return fault_set(f, KE_TOOBIG, NULL, NULL, "the question is too long");
	}
	buf_clear(ret);
	CURLcode code = perform(c, method, buf_text(&url), body, len, ret);
	buf_free(&url);
	if (code != CURLE_OK)
		return no_answer(c, code, ret, f);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	return status / 100 == 2 ? KE_OK : client_problem(buf_text(ret), ret->len, status, f);
}
