/* api_tool.c — two things that system tests of the server need and no program of ours does by itself.
 *
 *   api_tool publication [PATH=TEXT]...                       the body of a first PUT /v1/repo, on standard output
 *   api_tool report URL HOST CERT KEY CA EPOCH BATCHES SIZE   signed records in batches, each sent until it is stored;
 *                                                             the first also holds one record of each other kind
 *
 * report prints "acked N" after each acknowledgement, and survives a server that dies under it: it sends again what was
 * not acknowledged. It ends with status 1 when the server answers anything but "stored" or "not now". */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/codec.h"
#include "proto/jsonw.h"
#include "proto/record.h"
#include "proto/release.h"

static int fail(const struct fault *f, const char *what)
{
	char line[1024];

	fprintf(stderr, "api_tool: %s: %s\n", what, fault_line(f, line, sizeof line));
	return 1;
}

/* ---- publication ---- */

static void file_add(struct jsonw *w, const char *name, const void *data, size_t len)
{
	char *text = malloc(BASE64_ROOM(len));

	if (!text)
		abort();
	jsonw_object(w, NULL);
	jsonw_string(w, "name", name);
	jsonw_string(w, "data", base64_encode(data, len, text));
	jsonw_object_end(w);
	free(text);
}

/* List PATH=TEXT and write it under the name that consistent snapshots ask for. */
static int target_add(struct release *r, struct jsonw *w, char *arg, struct fault *f)
{
	char name[1200], hex[65], *text = strchr(arg, '=');
	unsigned char digest[SHA256_LEN];

	if (!text)
		return fault_set(f, KE_USAGE, arg, NULL, "PATH=TEXT is wanted");
	*text++ = '\0';
	sha256(text, strlen(text), digest);
	const char *slash = strrchr(arg, '/'), *base = slash ? slash + 1 : arg;
	snprintf(name, sizeof name, "targets/%.*s%s.%s", (int)(base - arg), arg,
	        hex_encode(digest, sizeof digest, hex), base);
	file_add(w, name, text, strlen(text));
	return release_target_set(r, "targets", arg, text, strlen(text), NULL, f);
}

static int publication(int argc, char **argv)
{
	static const char *const roles[] = { "root", "timestamp", "snapshot", "targets" };
	struct buf out = BUF_INIT(16u << 20);
	struct jsonw w = JSONW_INIT(&out, 0);
	struct release_files files = { 0 };
	struct release *r = NULL;
	struct signkey *key = NULL;
	struct fault f = { 0 };
	int64_t now = time(NULL);
	int rc = release_new(&r);

	jsonw_object(&w, NULL);
	jsonw_array(&w, "files");
	if (!rc)
		rc = signkey_generate(SIGNKEY_ED25519, &key, &f);
	if (!rc)
		rc = release_init(r, true, &f);
	for (int i = 0; i < 4 && !rc; i++)
		if (!(rc = release_key_add(r, roles[i], signkey_public(key), &f)))
			rc = release_expires(r, roles[i], now + 86400, &f);
	for (int i = 0; i < argc && !rc; i++)
		rc = target_add(r, &w, argv[i], &f);
	const struct signkey *keys[] = { key };
	if (!rc)
		rc = release_write(r, now, keys, 1, &files, &f);
	for (size_t i = 0; i < files.n; i++) {
		char name[300];
		snprintf(name, sizeof name, "metadata/%s", files.list[i].name);
		file_add(&w, name, files.list[i].data, files.list[i].len);
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (!rc)
		rc = out.rc;
	if (!rc)
		puts(buf_text(&out));
	release_files_free(&files);
	release_free(r);
	signkey_free(key);
	buf_free(&out);
	return rc ? fail(&f, "publication") : 0;
}

/* ---- report ---- */

struct reporter {
	CURL *curl;
	struct signkey *key;
	struct chain chain;
	struct buf lines, answer;
};

static size_t answer_take(char *data, size_t size, size_t n, void *arg)
{
	buf_bytes(arg, data, size * n);
	return size * n;
}

static int told(struct reporter *r, enum record_kind kind, const char *body, struct fault *f)
{
	return record_append(&r->chain, kind, time(NULL), "0f8e1c2d-0000-4000-8000-123456789abc", body,
	        strlen(body), r->key, &r->lines, f);
}

/* One record of each kind that becomes a row of its own. */
static const struct {
	enum record_kind kind;
	const char *body;
} samples[] = {
	{ RECORD_STATUS, "{\"agent_version\":\"0.1.0\",\"kernel\":\"6.1\",\"in_sync\":true,\"drifted\":0,"
	                 "\"policies\":[{\"name\":"
	                 "\"web\",\"version\":1,\"serial\":1,\"state\":\"applied\"}],\"facts\":{\"labels\":{"
	                 "\"role\":\"web\"}}}" },
	{ RECORD_APPLY, "{\"policy\":\"web\",\"version\":1,\"serial\":1,\"result\":\"failed\",\"reason\":"
	                "\"refused\"}" },
	{ RECORD_DRIFT, "{\"key\":\"net.core.somaxconn\",\"wanted\":\"1\",\"new\":\"2\",\"mode\":\"monitor\","
	                "\"action\":"
	                "\"reported\",\"source\":\"poll\",\"writer\":{\"pid\":7,\"comm\":\"sysctl\","
	                "\"loginuid\":-1}}" },
	{ RECORD_REFUSAL, "{\"what\":\"metadata\",\"name\":\"timestamp.json\",\"code\":\"expired\","
	                  "\"reason\":\"old\"}" },
};

static int begin(struct reporter *r, struct fault *f)
{
	struct record_epoch e = { 0 };
	struct buf body = BUF_INIT(4096);
	int rc = signkey_generate(SIGNKEY_ED25519, &r->key, f);

	if (!rc)
		rc = record_key(r->key, e.key);
	if (!rc) {
		record_epoch_write(&e, &body);
		rc = told(r, RECORD_EPOCH, buf_text(&body), f);
	}
	for (size_t i = 0; i < sizeof samples / sizeof samples[0] && !rc; i++)
		rc = told(r, samples[i].kind, samples[i].body, f);
	buf_free(&body);
	return rc;
}

/* Send until it is stored. 0, or 1 for an answer that another try would not change. */
static int push(struct reporter *r)
{
	for (int tries = 0; tries < 1500; tries++) {
		long status = 0;
		buf_clear(&r->answer);
		curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, r->lines.data);
		curl_easy_setopt(r->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->lines.len);
		CURLcode rc = curl_easy_perform(r->curl);
		if (rc == CURLE_OK)
			curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
		if (status == 200) {
			const char *acked = strstr(buf_text(&r->answer), "\"acked\":");
			if (!acked || strtoll(acked + 8, NULL, 10) != r->chain.seq) {
				fprintf(stderr, "api_tool: strange answer %s\n", buf_text(&r->answer));
				return 1;
			}
			printf("acked %" PRId64 "\n", r->chain.seq);
			fflush(stdout);
			return 0;
		}
		if (status && status != 503) {
			fprintf(stderr, "api_tool: %ld %s\n", status, buf_text(&r->answer));
			return 1;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	fprintf(stderr, "api_tool: gave up\n");
	return 1;
}

static int report(char **argv)
{
	struct reporter r = { .lines = BUF_INIT(1u << 20), .answer = BUF_INIT(65536) };
	struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
	char url[512], body[128];
	struct fault f = { 0 };
	int batches = (int)strtol(argv[6], NULL, 10), size = (int)strtol(argv[7], NULL, 10), rc;

	snprintf(url, sizeof url, "%s/v1/hosts/%s/reports", argv[0], argv[1]);
	snprintf(r.chain.host, sizeof r.chain.host, "%s", argv[1]);
	r.chain.epoch = strtoull(argv[5], NULL, 16);
	r.curl = curl_easy_init();
	curl_easy_setopt(r.curl, CURLOPT_URL, url);
	curl_easy_setopt(r.curl, CURLOPT_SSLCERT, argv[2]);
	curl_easy_setopt(r.curl, CURLOPT_SSLKEY, argv[3]);
	curl_easy_setopt(r.curl, CURLOPT_CAINFO, argv[4]);
	curl_easy_setopt(r.curl, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(r.curl, CURLOPT_WRITEFUNCTION, answer_take);
	curl_easy_setopt(r.curl, CURLOPT_WRITEDATA, &r.answer);
	curl_easy_setopt(r.curl, CURLOPT_TIMEOUT, 10L);
	if ((rc = begin(&r, &f)))
		fail(&f, "epoch");
	for (int i = 0; i < batches && !rc; i++) {
		for (int j = 0; j < size && !rc; j++) {
			snprintf(body, sizeof body, "{\"total\":%d}", j);
			rc = told(&r, RECORD_SOCKETS, body, &f);
		}
		if (!rc)
			rc = push(&r);
		buf_clear(&r.lines);
	}
	curl_easy_cleanup(r.curl);
	curl_slist_free_all(fields);
	signkey_free(r.key);
	buf_free(&r.lines);
	buf_free(&r.answer);
	return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (argc >= 2 && strcmp(argv[1], "publication") == 0)
		return publication(argc - 2, argv + 2);
	if (argc == 10 && strcmp(argv[1], "report") == 0)
		return report(argv + 2);
	fprintf(stderr, "usage: api_tool publication [PATH=TEXT]... | report URL HOST CERT KEY CA EPOCH "
	                "BATCHES SIZE\n");
	return 2;
}
