/* The build tool of the knowledge base: each mistake in the data stops the build and is told with its place. */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/fileio.h"

#define LEN(a)       (sizeof(a) / sizeof((a)[0]))
#define TOOL         KEDGE_BIN_DIR "/../tools/kb_compile"

#define KNOBS(knobs) "{\"kedge_knobs\": 1, \"knobs\": [" knobs "]}"
#define REST         "\"unit\": \"u\", \"scope\": \"netns\", \"meaning\": \"m\", \"sources\": [\"s\"]}"
#define INT(key)     "{\"key\": \"" key "\", \"type\": \"int\", " REST

extern char **environ;

/* Runs the tool over JSON in directory DIR; exit status, what it says in *RET_SAID (file_free()). */
static int compile(const char *dir, const char *json, char **ret_said)
{
	char in[128], out[128], err[128];
	char tool[] = TOOL;
	char *argv[] = { tool, out, in, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;
	size_t len;
	snprintf(in, sizeof in, "%s/in.json", dir);
	snprintf(out, sizeof out, "%s/out.c", dir);
	snprintf(err, sizeof err, "%s/err", dir);
	assert_int_equal(file_replace(in, json, strlen(json), 0600, FILE_VOLATILE, NULL), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(posix_spawn(&pid, tool, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(file_read(err, 65536, ret_said, &len, NULL), 0);
	assert_int_equal(access(out, F_OK) == 0, WEXITSTATUS(status) == 0);
	unlink(out);
	unlink(in);
	unlink(err);
	return WEXITSTATUS(status);
}

static void mistakes_stop_the_build(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		const char *said; /* a part of the complaint; NULL: none, it compiles */
	} rows[] = {
		{ KNOBS(""), NULL },
		{ KNOBS(INT("net.a.b")), NULL },
		{ KNOBS(INT("net.a.b") ", " INT("net.a.c")), NULL },
		{ "{\"kedge_names\": 1, \"names\": [\"net/a/b\"]}", NULL },
		{ "{", "in.json: line 1" },
		{ "[]", "in.json: (document): must be an object" },
		{ KNOBS(INT("net.a.c") ", " INT("net.a.b")), "knobs[1]: 'net/a/b' is out of order" },
		{ KNOBS(INT("net.a.b") ", " INT("net/a/b")), "knobs[1]: 'net/a/b' is out of order" },
		{ KNOBS(INT("net..b")), "knobs[0]" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"number\", " REST), "knobs[0].type" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"vector\", " REST), "a vector has a count" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"count\": 1, " REST),
		        "a vector has a count" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"unlimited\": \"zero\", " REST), NULL },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"unlimited\": \"-1\", " REST),
		        "knobs[0].unlimited" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"range\", \"unlimited\": \"zero\", " REST),
		        "only one integer can mean no limit" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"min\": 2, \"max\": 1, " REST),
		        "min is above max" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"earlier\": {\"before\": \"5.13\", "
		        "\"min\": 0, \"max\": 9}, \"starts_from\": \"host\", " REST),
		        NULL },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"earlier\": {\"before\": \"5.13\", "
		        "\"min\": 9, \"max\": 0}, " REST),
		        "knobs[0].earlier.max" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"earlier\": {\"min\": 0, \"max\": "
		        "9}, " REST),
		        "which release" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"starts_from\": \"nowhere\", " REST),
		        "knobs[0].starts_from" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"default\": \"x\", " REST),
		        "default 'x' does not fit" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"max\": 1, \"default\": \"2\", " REST),
		        "default '2' does not fit" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"default\": \" 2\", " REST),
		        "default: write '2'" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"added\": \"new\", " REST),
		        "added: write a release" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"added\": \"6.1\", \"removed\": "
		        "\"5.1\", " REST),
		        "removed before it was added" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"after\": [\"net.a.x\"], " REST),
		        "net/a/b: after: 'net/a/x' is not described" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"hazards\": [\"\xc3\xa9\"], " REST),
		        "hazards[0]" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"hazard\": [], " REST),
		        "unknown member 'hazard'" },
		{ KNOBS("{\"key\": \"net.a.b\", \"type\": \"int\", \"unit\": \"u\", \"scope\": \"netns\"}"),
		        "are needed" },
		{ "{\"kedge_names\": 1, \"names\": [\"net\"]}", "names[0]" },
	};
	char dir[] = "/tmp/kedge-kb-XXXXXX";
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < LEN(rows); i++) {
		char *said = NULL;
		print_message("%s\n", rows[i].json);
		assert_int_equal(compile(dir, rows[i].json, &said), rows[i].said ? 1 : 0);
		print_message("  %s\n", said);
		if (rows[i].said)
			assert_non_null(strstr(said, rows[i].said));
		else
			assert_string_equal(said, "");
		file_free(said);
	}
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_stop_the_build),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
