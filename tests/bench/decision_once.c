/* decision_once.c — one decision about a rollout over a fleet in a store: decision_once make FILE HOSTS; decision_once run FILE
 * plain|selector. Prints "CPU_US WALL_US HOSTS". The rows are written with SQL, because enrolling is not what is measured.
 * Called by tests/bench/decision. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server-stub/api/census.h"

#define NOW 1796000000

static int complain(const struct fault *f)
{
	char line[1024];

	fprintf(stderr, "decision_once: %s\n", fault_line(f, line, sizeof line));
	return 1;
}

/* HOSTS hosts, of which nine in ten have confirmed serial 1 of "web", one in a hundred failed, and every host refused something
 * some day. */
static int make(const char *path, long hosts)
{
	const struct store_config config = { .where = path };
	struct store *s = NULL;
	struct fault f = { 0 };
	sqlite3 *db = NULL;
	char *error = NULL, sql[2048];

	if (store_open(&config, &s, &f))
		return complain(&f);
	store_close(s);
	snprintf(sql, sizeof sql,
	        "BEGIN; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %ld) "
	        "INSERT INTO"
	        " hosts (id, state, cert_sha256, not_after, created, last_seen, facts, kernel, status_time) "
	        "SELECT"
	        " 'host-' || i, 'enrolled', '', 0, 0, %d, '{\"kernel\":\"6.1\",\"memory_bytes\":8589934592,"
	        "\"cpus\":4,\"labels\":{\"role\":\"web\",\"dc\":\"fra\"}}', '6.1.0', %d FROM n;"
	        "INSERT INTO host_policies (host, policy, version, serial, state, result) SELECT id, 'web', "
	        "1, 1,"
	        " 'applied', CASE WHEN rowid %% 100 = 0 THEN 'failed' ELSE 'confirmed' END FROM (SELECT id,"
	        " row_number() OVER () AS rowid FROM hosts) WHERE rowid %% 10 <> 1;"
	        "INSERT INTO refusals (host, time, received, what, name, code, reason, serial) SELECT id, 0, "
	        "0,"
	        " 'rollout', 'rollouts/old/7.json', 'window', '', 7 FROM hosts; COMMIT; ANALYZE",
	        hosts, NOW, NOW);
	int rc = sqlite3_open(path, &db) || sqlite3_exec(db, sql, NULL, NULL, &error);
	if (rc)
		fprintf(stderr, "decision_once: %s\n", error ? error : sqlite3_errmsg(db));
	sqlite3_free(error);
	sqlite3_close(db);
	return rc;
}

static int64_t us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int decide(struct store *s, const struct board_run *r, struct fault *f)
{
	int64_t cpu = us(CLOCK_PROCESS_CPUTIME_ID), wall = us(CLOCK_MONOTONIC);
	struct census c = { 0 };
	struct run run = r->run;
	size_t wave = 0;
	int rc = census_of(s, r, NOW, 60, NULL, &c, f);

	if (rc)
		return rc;
	run_next(r->plan->rollout, c.waves, NOW, &run, &wave);
	cpu = us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = us(CLOCK_MONOTONIC) - wall;
	printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", cpu, wall, c.waves[0].hosts + c.waves[1].hosts);
	return KE_OK;
}

static int run(const char *path, bool selector)
{
	const struct store_config config = { .where = path };
	struct plan plan = { .serial = 1 };
	struct board_run r = { .policy = "web", .plan = &plan };
	struct store *s = NULL;
	struct fault f = { 0 };
	char text[1024];

	snprintf(text, sizeof text,
	        "{\"kedge_rollout\":1,\"policy\":\"web\",\"serial\":1,\"action\":\"remove\",%s\"salt\":"
	        "\"00112233445566778899aabbccddeeff\",\"start\":\"2026-11-29T00:00:00Z\",\"waves\":[{"
	        "\"share\":10,"
	        "\"opens_after\":0,\"opens_before\":8640000},{\"share\":1000,\"opens_after\":0,\"opens_"
	        "before\":"
	        "8640000}],\"gates\":{\"soak\":60,\"answered\":900,\"evidence\":10,\"failed\":{\"share\":50}}"
	        "}",
	        selector ? "\"selector\":{\"labels\":{\"role\":\"web\"}}," : "");
	if (rollout_parse(text, strlen(text), &plan.rollout, &f) || store_open(&config, &s, &f))
		return complain(&f);
	r.run = run_start(plan.rollout, NOW);
	r.run.waves[0] = (struct wave_run){ WAVE_SETTLED, NOW - 1000, NOW - 500 };
	r.run.waves[1] = (struct wave_run){ WAVE_OPEN, NOW - 400, 0 };
	int rc = decide(s, &r, &f);
	store_close(s);
	rollout_free(plan.rollout);
	return rc ? complain(&f) : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], strtol(argv[3], NULL, 10));
	if (argc == 4 && strcmp(argv[1], "run") == 0)
		return run(argv[2], strcmp(argv[3], "selector") == 0);
	fprintf(stderr, "usage: decision_once make FILE HOSTS | run FILE plain|selector\n");
	return 1;
}
