/* main.c — kedge-devca: the command around pki.c and forest.c. One table of subcommands; exit status 0 done, 1 for any
 * error, which is told on standard error in one line. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "certs/devca/forest.h"
#include "certs/devca/pki.h"
#include "certs/tls.h"
#include "proto/clock.h"

struct args {
	const char *fleet;
	const char *dns[PROFILE_NAMES_MAX], *ip[PROFILE_NAMES_MAX];
	size_t dns_count, ip_count;
	int count; /* what stands after the subcommand, options taken out */
	char **words;
};

static int cmd_init(const struct args *a, struct fault *f)
{
	struct profile_names names = { a->dns, a->dns_count, a->ip, a->ip_count };
	unsigned char pin[SHA256_LEN];
	char path[PKI_PATH_ROOM], hex[2 * SHA256_LEN + 1];

	if (!a->fleet)
		return fault_set(f, KE_USAGE, "init", NULL, "--fleet is missing");
	int rc = pki_init(a->words[0], a->fleet, &names, clock_wall(&clock_system), f);
	if (!rc)
		rc = pki_path(a->words[0], "server", "crt", path, f);
	if (!rc)
		rc = tls_server_pin(path, pin, f);
	if (!rc)
		printf("fleet %s in %s, pin of the server CA %s\n", a->fleet, a->words[0],
		        hex_encode(pin, sizeof pin, hex));
	return rc;
}

static int cmd_operator(const struct args *a, struct fault *f)
{
	return pki_add(a->words[0], PROFILE_OPERATOR, a->words[1], clock_wall(&clock_system), f);
}

static int cmd_host(const struct args *a, struct fault *f)
{
	return pki_add(a->words[0], PROFILE_HOST, a->words[1], clock_wall(&clock_system), f);
}

static int cmd_forest(const struct args *a, struct fault *f)
{
	return forest_make(a->words[0], clock_wall(&clock_system), f);
}

static const struct command {
	const char *name;
	int words;
	int (*run)(const struct args *a, struct fault *f);
	const char *usage, *help;
} commands[] = {
	{ "init", 1, cmd_init, "init DIR --fleet NAME [--server-name DNS]... [--server-ip ADDRESS]...",
	        "make server CA, host CA, operator CA, a server's certificate and operator 'admin'" },
	{ "operator", 2, cmd_operator, "operator DIR NAME", "add DIR/operators/NAME.crt and .key" },
	{ "host", 2, cmd_host, "host DIR ID", "add DIR/hosts/ID.crt and .key" },
	{ "forest", 1, cmd_forest, "forest DIR",
	        "add good and deliberately bad certificates in DIR/forest, listed in DIR/forest.tsv" },
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static int help(void)
{
	printf("kedge-devca makes a PKI for development and tests. Its keys lie unencrypted in one\n"
	       "directory: do not run a fleet on it.\n\nUsage:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  kedge-devca %s\n        %s\n", commands[i].usage, commands[i].help);
	printf("  kedge-devca --help | --version\n\nExit status: 0 done, 1 any error.\n");
	return 0;
}

static int name_add(const char **list, size_t *count, const char *name, struct fault *f)
{
	if (*count >= PROFILE_NAMES_MAX)
		return fault_set(f, KE_USAGE, NULL, NULL, "more than %d names", PROFILE_NAMES_MAX);
	list[(*count)++] = name;
	return KE_OK;
}

/* Options into A. 1: help or version was printed. */
static int args_read(int argc, char **argv, struct args *a, struct fault *f)
{
	static const struct option options[] = {
		{ "fleet", required_argument, NULL, 'f' },
		{ "server-name", required_argument, NULL, 'n' },
		{ "server-ip", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int rc = KE_OK;

	opterr = 0;
	for (int c; !rc && (c = getopt_long(argc, argv, "hV", options, NULL)) != -1;) {
		if (c == 'h')
			return help(), 1;
		if (c == 'V')
			return printf("kedge-devca %s\n", KEDGE_VERSION), 1;
		if (c == 'f')
			a->fleet = optarg;
		else if (c == 'n')
			rc = name_add(a->dns, &a->dns_count, optarg, f);
		else if (c == 'i')
			rc = name_add(a->ip, &a->ip_count, optarg, f);
		else
			rc = fault_set(f, KE_USAGE, NULL, "see kedge-devca --help",
			        "unknown option, or one without its value: %.80s", argv[optind - 1]);
	}
	a->words = argv + optind;
	a->count = argc - optind;
	return rc;
}

static int run(const struct args *given, struct fault *f)
{
	struct args a = *given;
	const char *name = a.count ? a.words[0] : "";

	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		a.words++;
		a.count--;
		if (a.count != commands[i].words)
			return fault_set(f, KE_USAGE, NULL, NULL, "usage: kedge-devca %s", commands[i].usage);
		return commands[i].run(&a, f);
	}
	return fault_set(f, KE_USAGE, NULL, "see kedge-devca --help",
	        name[0] ? "there is no subcommand '%.40s'" : "a subcommand is missing%s", name);
}

int main(int argc, char **argv)
{
	struct args a = { 0 };
	struct fault f = { 0 };
	char line[1024];
	int rc = tls_init(&f);

	if (!rc)
		rc = args_read(argc, argv, &a, &f);
	if (rc > 0)
		return 0;
	if (!rc)
		rc = run(&a, &f);
	if (rc) {
		fprintf(stderr, "kedge-devca: %s\n", fault_line(&f, line, sizeof line));
		return 1;
	}
	return 0;
}
