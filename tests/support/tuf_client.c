/* tuf_client.c — the TUF client of proto/trust.h behind the command line that public conformance suites drive:
 *
 *	tuf-client --metadata-dir DIR init TRUSTED_ROOT
 *	tuf-client --metadata-url URL --metadata-dir DIR refresh
 *	tuf-client --metadata-url URL --metadata-dir DIR --target-name P... --target-dir D --target-base-url URL download
 *
 * Exit status 0 or 1, nothing else. DIR holds one flat file per trusted role, as received. No retries, nothing is fetched
 * that the specification does not ask for. A test program: it is not installed. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <curl/curl.h>

#include "proto/buf.h"
#include "proto/clock.h"
#include "proto/fileio.h"
#include "proto/log.h"
#include "proto/trust.h"

#define NAMES_MAX 256

struct client {
	const char *metadata_url, *metadata_dir, *target_dir, *target_url;
	const char *names[NAMES_MAX];
	size_t n_names;
	CURL *curl;
	struct trust *trust;
};

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct buf *body = ctx;

	buf_bytes(body, data, size * n);
	return body->rc ? 0 : size * n;
}

/* GET BASE + "/" + NAME of at most MAX bytes. KE_NOENT for 404 and 403, KE_HTTP for every other status but 200. */
static int http_get(
        struct client *c, const char *base, const char *name, size_t max, struct buf *ret, struct fault *f)
{
	struct buf url = BUF_INIT(16384);
	long status = 0;
	size_t len = strlen(base);

	buf_fmt(&url, "%s%s%s", base, len && base[len - 1] == '/' ? "" : "/", name);
	*ret = BUF_INIT(max);
	curl_easy_setopt(c->curl, CURLOPT_URL, buf_text(&url));
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, ret);
	CURLcode code = url.rc ? CURLE_URL_MALFORMAT : curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	int rc = KE_OK;
	if (ret->rc)
		rc = fault_set(f, KE_TOOBIG, buf_text(&url), NULL, "more than %zu bytes", max);
	else if (code != CURLE_OK)
		rc = fault_set(f, KE_HTTP, buf_text(&url), NULL, "%s", curl_easy_strerror(code));
	else if (status == 404 || status == 403)
		rc = fault_set(f, KE_NOENT, buf_text(&url), NULL, "status %ld", status);
	else if (status != 200)
		rc = fault_set(f, KE_HTTP, buf_text(&url), NULL, "status %ld", status);
	buf_free(&url);
	return rc;
}

static int http_open(struct client *c, struct fault *f)
{
	c->curl = curl_easy_init();
	if (!c->curl)
		return fault_set(f, KE_NOMEM, NULL, NULL, "libcurl does not start");
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_PATH_AS_IS, 1L); /* a role named "../x" is no way up */
	curl_easy_setopt(c->curl, CURLOPT_PROXY, "");
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 60L);
	return KE_OK;
}

static char *local_path(const struct client *c, const char *file)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", c->metadata_dir, file) < 0 ? NULL : path;
}

/* Answer one request; what cannot be read locally is absent, what cannot be fetched ends the run. */
static int answer(struct client *c, const struct trust_request *req, struct fault *f)
{
	char *path = local_path(c, req->file), *data = NULL;
	struct buf body = { 0 };
	size_t len = 0;
	int rc = path ? KE_OK : KE_NOMEM;

	if (rc)
		return fault_set(f, rc, NULL, NULL, "out of memory");
	switch (req->ask) {
	case TRUST_LOAD:
		if (file_read(path, req->max, &data, &len, NULL))
			data = NULL;
		rc = trust_give(c->trust, data, len, f);
		file_free(data);
		break;
	case TRUST_FETCH:
		rc = http_get(c, c->metadata_url, req->file, req->max, &body, f);
		if (!rc || rc == KE_NOENT)
			rc = trust_give(c->trust, rc ? NULL : buf_text(&body), rc ? 0 : body.len, f);
		buf_free(&body);
		break;
	case TRUST_STORE:
		rc = file_replace(path, req->data, req->len, 0644, FILE_DURABLE, f);
		break;
	default:
		rc = file_remove(path, FILE_DURABLE, f);
	}
	free(path);
	return rc;
}

static int drive(struct client *c, struct fault *f)
{
	struct trust_request req;
	int rc;

	while (!(rc = trust_next(c->trust, &req, f)) && req.ask != TRUST_DONE)
		if ((rc = answer(c, &req, f)))
			break;
	return rc;
}

static int run_init(struct client *c, const char *root, struct fault *f)
{
	char *path = local_path(c, "root.json"), *data;
	size_t len;
	int rc = path ? file_read(root, TUF_ROOT_MAX, &data, &len, f) : KE_NOMEM;

	if (!rc) {
		rc = file_replace(path, data, len, 0644, FILE_DURABLE, f);
		file_free(data);
	}
	free(path);
	return rc;
}

static int run_refresh(struct client *c, struct fault *f)
{
	char *path = local_path(c, "root.json"), *data = NULL;
	size_t len;
	int rc = path ? file_read(path, TUF_ROOT_MAX, &data, &len, f) : KE_NOMEM;

	if (!rc)
		rc = trust_new(data, len, &c->trust, f);
	file_free(data);
	free(path);
	if (rc || (rc = http_open(c, f)))
		return rc;
	trust_begin(c->trust, clock_wall(&clock_system));
	return drive(c, f);
}

/* Percent-encode FILE for a URL, segment by segment. */
static int url_path(const char *file, struct buf *out)
{
	for (const char *p = file;;) {
		size_t n = strcspn(p, "/");
		char segment[TUF_TARGET_PATH_MAX + 160], quoted[3 * sizeof segment];
		if (n >= sizeof segment)
			return KE_TOOBIG;
		memcpy(segment, p, n);
		segment[n] = '\0';
		if (!tuf_name_quote(segment, quoted, sizeof quoted))
			return KE_TOOBIG;
		buf_str(out, quoted);
		if (!p[n])
			return out->rc;
		buf_char(out, '/');
		p += n + 1;
	}
}

static int fetch_target(struct client *c, const struct tuf_target *target, const char *path, struct fault *f)
{
	struct buf file = BUF_INIT(4096), url = BUF_INIT(16384), body = { 0 };
	int rc = trust_target_file(c->trust, target, &file);

	if (!rc)
		rc = url_path(buf_text(&file), &url);
	if (rc)
		rc = fault_set(f, rc, target->path, NULL, "%s", err_text(rc));
	if (!rc)
		rc = http_get(c, c->target_url, buf_text(&url), (size_t)target->length, &body, f);
	if (!rc)
		rc = trust_target_check(target, buf_text(&body), body.len, f);
	if (!rc)
		rc = file_replace(path, buf_text(&body), body.len, 0644, FILE_DURABLE, f);
	buf_free(&file);
	buf_free(&url);
	buf_free(&body);
	return rc;
}

static int download_one(struct client *c, const char *name, struct fault *f)
{
	const struct tuf_target *target;
	char quoted[240], *path = NULL, *data;
	size_t len;
	int rc = trust_find(c->trust, name, f);

	if (!rc)
		rc = drive(c, f);
	if (!rc)
		rc = trust_target(c->trust, &target);
	if (rc)
		return rc;
	if (!tuf_name_quote(name, quoted, sizeof quoted))
		return fault_set(f, KE_NAME, name, NULL, "too long for a file name");
	if (asprintf(&path, "%s/%s", c->target_dir, quoted) < 0)
		return fault_set(f, KE_NOMEM, NULL, NULL, "out of memory");
	bool have = false;
	if (file_read(path, (size_t)target->length, &data, &len, NULL) == 0) {
		have = trust_target_check(target, data, len, NULL) == 0;
		file_free(data);
	}
	rc = have ? KE_OK : fetch_target(c, target, path, f);
	free(path);
	return rc;
}

static int run(struct client *c, int argc, char **argv, struct fault *f)
{
	const char *command = optind < argc ? argv[optind] : "";
	int rc;

	if (strcmp(command, "init") == 0 && optind + 2 == argc && c->metadata_dir)
		return run_init(c, argv[optind + 1], f);
	bool download = strcmp(command, "download") == 0;
	if (optind + 1 != argc || !c->metadata_dir || !c->metadata_url ||
	        (download ? !c->target_dir || !c->target_url || !c->n_names
	                  : strcmp(command, "refresh") != 0))
		return fault_set(
		        f, KE_USAGE, NULL, NULL, "usage: tuf-client OPTIONS init ROOT|refresh|download");
	rc = run_refresh(c, f);
	for (size_t i = 0; download && i < c->n_names && !rc; i++)
		rc = download_one(c, c->names[i], f);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "metadata-dir", 1, NULL, 'd' },
		{ "metadata-url", 1, NULL, 'u' }, { "target-name", 1, NULL, 'n' },
		{ "target-dir", 1, NULL, 't' }, { "target-base-url", 1, NULL, 'b' }, { NULL, 0, NULL, 0 } };
	struct client c = { 0 };
	struct fault f = { 0 };
	char line[1024];
	int opt, rc = KE_OK;

	log_open("tuf-client", LOG_LEVEL_INFO);
	while (!rc && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		const char **to = opt == 'd'                            ? &c.metadata_dir
		                  : opt == 'u'                          ? &c.metadata_url
		                  : opt == 't'                          ? &c.target_dir
		                  : opt == 'b'                          ? &c.target_url
		                  : opt == 'n' && c.n_names < NAMES_MAX ? &c.names[c.n_names++]
		                                                        : NULL;
		if (to)
			*to = optarg;
		else
			rc = fault_set(&f, KE_USAGE, NULL, NULL, "wrong option");
	}
	if (!rc)
		rc = run(&c, argc, argv, &f);
	if (rc)
		log_error("%s", fault_line(&f, line, sizeof line));
	trust_free(c.trust);
	curl_easy_cleanup(c.curl);
	return rc ? 1 : 0;
}
