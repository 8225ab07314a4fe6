/* args.h — the command line: words and options, told apart by one table of options.
 *
 * An option may stand anywhere; what follows "--" is a word. Which options a command takes is said in its row of the
 * command table (ctl.h). Values of the usual kinds (durations, ranges, labels) are read here too, strictly.
 */
#ifndef KEDGE_SERVER_CTL_ARGS_H
#define KEDGE_SERVER_CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/facts.h"
#include "proto/err.h"

#define ARGS_WORDS_MAX 64
#define ARGS_GIVEN_MAX 256

struct args_option {
	const char *name;  /* without the dashes */
	char letter;       /* 0: has none */
	const char *value; /* what its value is called; NULL: it takes none */
	const char *help;
};
/* All options of all commands, ended by a row without name. */
extern const struct args_option args_options[];

struct args_given {
	const struct args_option *option;
	const char *value; /* NULL when the option takes none */
};

/* Strings point into argv. */
struct args {
	const char *words[ARGS_WORDS_MAX];
	size_t n_words;
	struct args_given given[ARGS_GIVEN_MAX];
	size_t n_given;
};

/* Sort argv[1..] into words and options. KE_USAGE: an option nobody has, or one without its value. */
int args_read(int argc, char **argv, struct args *ret, struct fault *f);
bool args_has(const struct args *a, const char *option);
/* The value of the last OPTION given, or NULL. */
const char *args_value(const struct args *a, const char *option);
/* The values of OPTION in order: start with *at = 0; NULL ends. */
const char *args_next(const struct args *a, const char *option, size_t *at);

/* "90s", "15m", "1h", "7d", "2w" or a number of seconds. */
int args_duration(const char *text, int64_t *ret, struct fault *f);
/* A decimal number within MIN..MAX. */
int args_int(const char *text, int64_t min, int64_t max, int64_t *ret, struct fault *f);
/* "5.4..6.12" or one "6.1" as KERNEL() numbers. */
int args_kernels(const char *text, uint32_t *ret_low, uint32_t *ret_high, struct fault *f);
/* "4G..256G" or one "64G"; K, M, G, T are powers of 1024. */
int args_memory(const char *text, uint64_t *ret_low, uint64_t *ret_high, struct fault *f);
/* "NAME=VALUE[,NAME=VALUE...]" appended to *LIST (realloc'd; args_labels_free() it). KE_DUPLICATE. */
int args_labels(const char *text, struct label **list, size_t *n, struct fault *f);
void args_labels_free(struct label *list, size_t n);
/* "2026-11-24T20:00:00Z", or a duration, which means that long before NOW. */
int args_since(const char *text, int64_t now, int64_t *ret, struct fault *f);

#endif
